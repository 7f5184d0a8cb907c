// Crawl is the Go program our crawler is measured against: twenty long-lived goroutines as in the
// book's crawl3, with what a careful Go programmer adds. It keeps twenty idle connections per host,
// strips fragments, stays on the hosts it was given, prints each page once, and ends.
package main

import (
	"bufio"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"

	"golang.org/x/net/html"
)

const crawlers = 20

var client = &http.Client{Transport: &http.Transport{
	MaxIdleConns:        100,
	MaxIdleConnsPerHost: crawlers,
}}

// links returns the targets of a page's <a href>, absolute and without fragments.
func links(page *url.URL) ([]*url.URL, error) {
	response, err := client.Get(page.String())
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", page, response.Status)
	}
	root, err := html.Parse(response.Body)
	if err != nil {
		return nil, fmt.Errorf("%s: %v", page, err)
	}
	var found []*url.URL
	for node := range root.Descendants() {
		if node.Type != html.ElementNode || node.Data != "a" {
			continue
		}
		for _, attr := range node.Attr {
			if attr.Key != "href" {
				continue
			}
			if target, err := response.Request.URL.Parse(attr.Val); err == nil {
				target.Fragment = ""
				found = append(found, target)
			}
		}
	}
	return found, nil
}

func main() {
	log.SetFlags(0)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	jobs := make(chan *url.URL, 64)
	results := make(chan []*url.URL, 64)
	for range crawlers {
		go func() {
			for page := range jobs {
				found, err := links(page)
				if err != nil {
					log.Print(err)
				}
				results <- found
			}
		}()
	}
	hosts := make(map[string]bool)
	seen := make(map[string]bool)
	var waiting []*url.URL
	add := func(target *url.URL) {
		if key := target.String(); hosts[target.Host] && !seen[key] {
			seen[key] = true
			waiting = append(waiting, target)
		}
	}
	for _, arg := range os.Args[1:] {
		start, err := url.Parse(arg)
		if err != nil {
			log.Fatal(err)
		}
		hosts[start.Host] = true
		add(start)
	}
	for inHand := 0; inHand > 0 || len(waiting) > 0; {
		var next *url.URL
		var send chan<- *url.URL // nil, and so never ready, while nothing waits
		if len(waiting) > 0 {
			next, send = waiting[0], jobs
		}
		select {
		case send <- next:
			waiting = waiting[1:]
			inHand++
			fmt.Fprintln(out, next)
		case found := <-results:
			inHand--
			for _, target := range found {
				add(target)
			}
		}
	}
	close(jobs)
}
