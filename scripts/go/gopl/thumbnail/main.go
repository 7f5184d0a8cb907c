// Thumbnail drives the book's package as its last example does, with one goroutine per CPU: the
// thumbnails of its arguments in the folder -o.
package main

import (
	"flag"
	"log"
	"path/filepath"
	"runtime"
	"sync"

	"gopl.io/ch8/thumbnail"
)

func main() {
	out := flag.String("o", ".", "output folder")
	flag.Parse()
	files := make(chan string)
	var workers sync.WaitGroup
	for range runtime.NumCPU() {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for file := range files {
				thumb := filepath.Join(*out, filepath.Base(file))
				if err := thumbnail.ImageFile2(thumb, file); err != nil {
					log.Fatalf("%s: %v", file, err)
				}
			}
		}()
	}
	for _, file := range flag.Args() {
		files <- file
	}
	close(files)
	workers.Wait()
}
