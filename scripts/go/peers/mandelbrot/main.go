// Mandelbrot draws the picture of gopl.io/ch3/mandelbrot, rows shared out among goroutines.
package main

import (
	"flag"
	"image"
	"image/png"
	"log"
	"os"
	"sync"
)

const (
	side       = 1024
	extent     = 2.0 // from -extent to extent, both ways
	iterations = 200
	contrast   = 15
)

func main() {
	threads := flag.Int("threads", 1, "goroutines")
	flag.Parse()
	picture := image.NewRGBA(image.Rect(0, 0, side, side))
	rows := make(chan int, side)
	for row := range side {
		rows <- row
	}
	close(rows)
	var workers sync.WaitGroup
	for range *threads {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for row := range rows {
				draw(picture, row)
			}
		}()
	}
	workers.Wait()
	if err := png.Encode(os.Stdout, picture); err != nil {
		log.Fatal(err)
	}
}

func draw(picture *image.RGBA, row int) {
	y := float64(row)/side*2*extent - extent
	pixels := picture.Pix[row*picture.Stride:]
	for column := range side {
		x := float64(column)/side*2*extent - extent
		grey := shade(complex(x, y))
		copy(pixels[4*column:], []uint8{grey, grey, grey, 255})
	}
}

func shade(c complex128) uint8 {
	z := complex(0, 0)
	for n := range uint8(iterations) {
		z = z*z + c
		// Twice as far as zero: from here it only grows. Compared squared, which costs no root.
		if real(z)*real(z)+imag(z)*imag(z) > 4 {
			return 255 - contrast*n
		}
	}
	return 0
}
