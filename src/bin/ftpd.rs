//! 8.2 ftpd: a concurrent FTP server with TLS (ex. 8.2).

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::ExitCode;
use std::thread;

use anyhow::{Context, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use threadbare::cli;
use threadbare::engines::ftp::{self, Options, Rights, Tls, Users};
use threadbare::fs::jail::Jail;
use threadbare::threads;

#[path = "ftpd/args.rs"]
mod args;

use args::Cli;

fn main() -> ExitCode {
    cli::run_tool(|args: Cli| {
        if args.hash_password {
            return print_hash();
        }
        if let Some(mask) = args.umask {
            rustix::process::umask(mask);
        }
        let dir = args.dir.as_deref().context("missing argument DIR")?;
        let jail = Jail::new(dir).with_context(|| dir.display().to_string())?;
        let (users, options) = (args.accounts()?, args.options()?);
        cli::survive_file_size_limit()?;
        let mut signals = cli::signals(&[SIGINT, SIGTERM, SIGHUP])?;
        let sockets = args.bind()?;
        let implicit = args.implicit_port.map(|port| args.bind_port(port)).transpose()?;
        args.give_up_root(&jail, &options)?;
        users.check_dirs(&jail)?;
        let listener = sockets.listen(2)?;
        let implicit = implicit.map(|sockets| sockets.listen(2)).transpose()?;
        cli::stamp_lines();
        notify("READY=1");
        if cli::is_root() {
            cli::warn("running as root: a fault here gives away the machine; use --setuid USER");
        }
        if args.writable && args.anonymous_rights() == Some(Rights::Read) {
            cli::warn(
                "anonymous users can only read; --anonymous-writable allows writing from other machines",
            );
        }
        let handle = signals.handle();
        thread::scope(|scope| {
            let handle_signals = || {
                for signal in signals.forever() {
                    if signal == SIGHUP {
                        args.reload(&jail, &users, &options);
                    } else {
                        notify("STOPPING=1");
                        listener.shutdown();
                    }
                }
            };
            threads::spawn_now(scope, handle_signals)?;
            ftp::serve_all(&listener, implicit.as_ref(), &jail, &users, &options);
            handle.close();
            Ok(())
        })
    })
}

/// Tells systemd, if it has started this process.
fn notify(state: &str) {
    if let Err(err) = cli::notify(state) {
        cli::warn(&format!("NOTIFY_SOCKET: {err}"));
    }
}

fn print_hash() -> anyhow::Result<()> {
    let mut password = String::new();
    BufReader::new(cli::stdin()).read_line(&mut password).context("stdin")?;
    let password = password.trim_end_matches(['\n', '\r']);
    if password.is_empty() {
        bail!("no password on stdin");
    }
    writeln!(cli::stdout(), "{}", ftp::hash_password(password)?)?;
    Ok(())
}

impl Cli {
    /// Becomes the user of --setuid, whom the audit log belongs to from then on.
    fn give_up_root(&self, jail: &Jail, options: &Options) -> anyhow::Result<()> {
        let Some(user) = &self.setuid else { return Ok(()) };
        if let Some(log) = &options.audit {
            cli::give_to(&log.file()?, user).context("audit log")?;
        }
        cli::become_user(user).with_context(|| format!("--setuid {user}"))?;
        if let Err(err) = jail.open_dir(Path::new(".")) {
            cli::warn(&format!("{user} cannot read the directory to serve: {err}"));
        }
        Ok(())
    }

    /// Reads users, certificate and key again, and opens the audit log again. What cannot be used
    /// stays as it was.
    fn reload(&self, jail: &Jail, users: &Users, options: &Options) {
        let read = self.accounts().and_then(|accounts| {
            accounts.check_dirs(jail)?;
            Ok(accounts)
        });
        match read {
            Ok(accounts) => users.replace(&accounts),
            Err(err) => cli::warn(&format!("{err:#}; the users stay as they were")),
        }
        if let ([certificates, key], Some(tls)) = (self.tls.as_slice(), &options.tls) {
            match Tls::new(certificates, key) {
                Ok(new) => tls.replace(&new),
                Err(err) => cli::warn(&format!("{err}; the certificate stays as it was")),
            }
        }
        if let Some(Err(err)) = options.audit.as_ref().map(|log| log.reopen()) {
            cli::warn(&format!("audit log: {err}; it is written to the old file"));
        }
        log::info!("users and certificate read again");
    }
}
