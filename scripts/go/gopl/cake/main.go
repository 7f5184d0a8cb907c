// Cake drives the book's package: the milliseconds that 20 cakes take in the setting it is given.
package main

import (
	"flag"
	"fmt"
	"log"
	"time"

	"gopl.io/ch8/cake"
)

const step, spread = 10 * time.Millisecond, 2500 * time.Microsecond

func main() {
	setting := flag.String("setting", "baseline", "one of the six by their names")
	flag.Parse()
	shop := cake.Shop{
		Cakes: 20, BakeTime: step, NumIcers: 1, IceTime: step, InscribeTime: step,
	}
	switch *setting {
	case "baseline":
	case "buffers":
		shop.BakeBuf, shop.IceBuf = 10, 10
	case "variable":
		shop.BakeStdDev, shop.IceStdDev, shop.InscribeStdDev = spread, spread, spread
	case "variable_buffers":
		shop.BakeStdDev, shop.IceStdDev, shop.InscribeStdDev = spread, spread, spread
		shop.BakeBuf, shop.IceBuf = 10, 10
	case "slow_icing":
		shop.IceTime = 5 * step
	case "slow_icing_many_icers":
		shop.IceTime, shop.NumIcers = 5*step, 5
	default:
		log.Fatalf("%s: no such setting", *setting)
	}
	start := time.Now()
	shop.Work(1)
	fmt.Printf("%d cakes %.3f\n", shop.Cakes, float64(time.Since(start).Microseconds())/1e3)
}
