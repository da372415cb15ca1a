// Prints the token that gh takes for a host, and where it found it, as gh's own library reads environment and files.
package main

import (
	"fmt"
	"os"

	"github.com/cli/go-gh/v2/pkg/auth"
	"github.com/cli/go-gh/v2/pkg/config"
)

func main() {
	host := os.Args[1]
	if host == "" {
		host, _ = auth.DefaultHost()
	}
	token, source := auth.TokenFromEnvOrConfig(host)
	user := ""
	if read, err := config.Read(nil); err == nil {
		user, _ = read.Get([]string{"hosts", host, "user"})
	}
	fmt.Printf("%s\n%s\n%s\n%s\n", host, token, source, user)
}
