// A client of a container registry, with the credentials that the configuration of docker in $DOCKER_CONFIG has for it.
//
//	htpasswd USER PASSWORD   prints a line for the registry's file of passwords
//	push IMAGE               pushes an image of random bytes
//	digest IMAGE             prints the digest of an image
package main

import (
	"fmt"
	"log"
	"os"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/crypto/bcrypt"
)

func main() {
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		log.Fatal(err)
	}
}

func run(verb string, arguments []string) error {
	if verb == "htpasswd" {
		hash, err := bcrypt.GenerateFromPassword([]byte(arguments[1]), bcrypt.MinCost)
		fmt.Printf("%s:%s\n", arguments[0], hash)
		return err
	}
	reference, err := name.ParseReference(arguments[0], name.Insecure)
	if err != nil {
		return err
	}
	credentials := remote.WithAuthFromKeychain(authn.DefaultKeychain)
	if verb == "push" {
		image, err := random.Image(64, 1)
		if err != nil {
			return err
		}
		return remote.Write(reference, image, credentials)
	}
	found, err := remote.Get(reference, credentials)
	if err != nil {
		return err
	}
	fmt.Println(found.Digest)
	return nil
}
