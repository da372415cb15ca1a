// Configures the GitHub provider of Terraform, from the environment alone or with a JSON object of its arguments on the input, and
// prints the login of a user that it reads as `data "github_user"` does.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/hashicorp/terraform-plugin-sdk/terraform"
	"github.com/integrations/terraform-provider-github/v5/github"
)

func main() {
	var arguments map[string]any
	if err := json.NewDecoder(os.Stdin).Decode(&arguments); err != nil && !errors.Is(err, io.EOF) {
		log.Fatal(err)
	}
	provider := github.Provider()
	config := terraform.NewResourceConfigRaw(arguments)
	if _, errs := provider.Validate(config); len(errs) > 0 {
		log.Fatal(errs)
	}
	check(provider.Configure(config))
	user := &terraform.InstanceInfo{Type: "github_user"}
	diff, err := provider.ReadDataDiff(user, terraform.NewResourceConfigRaw(map[string]any{"username": os.Args[1]}))
	check(err)
	state, err := provider.ReadDataApply(user, diff)
	check(err)
	fmt.Println(state.Attributes["login"])
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
