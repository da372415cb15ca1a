// Reads a Secret as JSON, and prints what Flux makes of it: with a URL as its argument the user name and the password of a GitRepository
// there, as source-controller has them, and without one the token of a Provider, as notification-controller has it.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/url"
	"os"

	"github.com/fluxcd/pkg/git"
	"github.com/fluxcd/pkg/runtime/secrets"
	corev1 "k8s.io/api/core/v1"
)

func main() {
	secret := &corev1.Secret{}
	check(json.NewDecoder(os.Stdin).Decode(secret))
	if len(os.Args) == 1 {
		methods, err := secrets.AuthMethodsFromSecret(context.Background(), secret)
		check(err)
		fmt.Println(methods.Token)
		return
	}
	repository, err := url.Parse(os.Args[1])
	check(err)
	options, err := git.NewAuthOptions(*repository, secret.Data)
	check(err)
	fmt.Printf("%s\n%s\n", options.Username, options.Password)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
