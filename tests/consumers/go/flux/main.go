// Reads the files of a folder as the data of a Secret for a GitRepository, as Flux's source-controller does, and prints the user name
// and the password that it makes of them for a URL.
package main

import (
	"fmt"
	"log"
	"net/url"
	"os"
	"path/filepath"

	"github.com/fluxcd/pkg/git"
)

func main() {
	data := map[string][]byte{}
	entries, err := os.ReadDir(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	for _, entry := range entries {
		value, err := os.ReadFile(filepath.Join(os.Args[1], entry.Name()))
		if err != nil {
			log.Fatal(err)
		}
		data[entry.Name()] = value
	}
	repository, err := url.Parse(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	options, err := git.NewAuthOptions(*repository, data)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n%s\n", options.Username, options.Password)
}
