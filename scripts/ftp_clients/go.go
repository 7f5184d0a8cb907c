// jlaffaye/ftp for Go, for scripts/ftp-clients --all: uploads, lists, downloads and removes files in one login.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/jlaffaye/ftp"
)

var addr, up, down, version = "localhost:" + os.Getenv("FTP_PORT"), os.Getenv("FTP_UP"), os.Getenv("FTP_DOWN"), os.Getenv("FTP_TLS")

func main() {
	if err := run(names()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func names() (names []string) {
	entries, _ := os.ReadDir(up)
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func config() *tls.Config {
	if version == "" {
		return nil
	}
	pem, _ := os.ReadFile(os.Getenv("FTP_CERT"))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	config := &tls.Config{RootCAs: pool, ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(8)}
	if version == "1.2" {
		config.MaxVersion = tls.VersionTLS12
	}
	return config
}

func run(names []string) error {
	options := []ftp.DialOption{ftp.DialWithTimeout(20 * time.Second)}
	if config := config(); config != nil {
		options = append(options, ftp.DialWithExplicitTLS(config))
	}
	conn, err := ftp.Dial(addr, options...)
	if err != nil {
		return err
	}
	if err := conn.Login("anonymous", "x"); err != nil {
		return err
	}
	for _, name := range names {
		data, _ := os.ReadFile(filepath.Join(up, name))
		if err := conn.Stor(name, bytes.NewReader(data)); err != nil {
			return fmt.Errorf("stor %s: %w", name, err)
		}
	}
	listed, err := conn.NameList(".")
	if err != nil || len(listed) < len(names) {
		return fmt.Errorf("list: %v %w", listed, err)
	}
	for _, name := range names {
		response, err := conn.Retr(name)
		if err != nil {
			return fmt.Errorf("retr %s: %w", name, err)
		}
		data, err := io.ReadAll(response)
		if err == nil {
			err = response.Close()
		}
		if err != nil {
			return fmt.Errorf("retr %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(down, name), data, 0o644); err != nil {
			return err
		}
		if err := conn.Delete(name); err != nil {
			return err
		}
	}
	return conn.Quit()
}
