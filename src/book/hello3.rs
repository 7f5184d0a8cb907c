//! hello3: main waits for the thread, exactly as long as it takes.
//! Go: a lecture's `sync.WaitGroup`.

use std::io::Write;
use std::process::ExitCode;
use std::thread;

use crossbeam::sync::WaitGroup;
use threadbare::cli;

fn main() -> ExitCode {
    cli::run(|_: cli::NoArgs| {
        let wg = WaitGroup::new();
        let working = wg.clone(); // a clone is Go's wg.Add(1)
        let greeter = thread::spawn(move || {
            let greeted = writeln!(cli::stdout(), "hello thread");
            drop(working); // and dropping it is wg.Done()
            greeted
        });
        wg.wait();
        writeln!(cli::stdout(), "main thread done!")?;
        greeter.join().expect("the greeter does not panic")?;
        Ok(())
    })
}
