// Du counts the files below its arguments and their bytes, in the shapes of the book's du1 (one
// goroutine walks), du3 (one goroutine per directory, twenty read at once) and du4 (the same, can be
// cancelled).
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"sync"
)

type walk struct {
	sizes  chan int64
	tokens chan struct{} // nil: one goroutine does it all
	cancel chan struct{} // nil: nobody can
	dirs   sync.WaitGroup
}

func main() {
	shape := flag.Int("shape", 3, "1, 3 or 4")
	flag.Parse()
	w := &walk{sizes: make(chan int64)}
	if *shape > 1 {
		w.tokens = make(chan struct{}, 20)
	}
	if *shape == 4 {
		w.cancel = make(chan struct{})
	}
	go func() {
		for _, root := range flag.Args() {
			w.dirs.Add(1)
			w.start(root)
		}
		w.dirs.Wait()
		close(w.sizes)
	}()
	files, bytes := 0, int64(0)
	for size := range w.sizes {
		files++
		bytes += size
	}
	fmt.Printf("%d files  %.1f GB\n", files, float64(bytes)/1e9)
}

func (w *walk) start(dir string) {
	if w.tokens == nil {
		w.dir(dir)
	} else {
		go w.dir(dir)
	}
}

func (w *walk) cancelled() bool {
	select {
	case <-w.cancel:
		return true
	default:
		return false
	}
}

func (w *walk) dir(dir string) {
	defer w.dirs.Done()
	if w.cancelled() {
		return
	}
	for _, entry := range w.read(dir) {
		if entry.IsDir() {
			w.dirs.Add(1)
			w.start(filepath.Join(dir, entry.Name()))
			continue
		}
		info, err := entry.Info()
		if err != nil {
			log.Print(err)
			continue
		}
		w.sizes <- info.Size()
	}
}

func (w *walk) read(dir string) []os.DirEntry {
	if w.tokens != nil {
		select {
		case w.tokens <- struct{}{}:
			defer func() { <-w.tokens }()
		case <-w.cancel:
			return nil
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		log.Print(err)
	}
	return entries
}
