// Thumbnail makes thumbnails of the JPEGs it is given, one goroutine per CPU, in the folder -o: the
// longest side 128, each pixel the nearest of the original, as the book's package samples.
package main

import (
	"flag"
	"image"
	"image/jpeg"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"sync"
)

const side = 128

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
				if err := thumbnail(file, filepath.Join(*out, filepath.Base(file))); err != nil {
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

func thumbnail(from, to string) error {
	file, err := os.Open(from)
	if err != nil {
		return err
	}
	defer file.Close()
	picture, err := jpeg.Decode(file)
	if err != nil {
		return err
	}
	thumb, err := os.Create(to)
	if err != nil {
		return err
	}
	if err := jpeg.Encode(thumb, sample(picture), nil); err != nil {
		return err
	}
	return thumb.Close()
}

func sample(picture image.Image) image.Image {
	from := picture.Bounds()
	longest := max(from.Dx(), from.Dy(), side)
	width, height := max(from.Dx()*side/longest, 1), max(from.Dy()*side/longest, 1)
	thumb := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			thumb.Set(x, y, picture.At(from.Min.X+x*from.Dx()/width, from.Min.Y+y*from.Dy()/height))
		}
	}
	return thumb
}
