// Reads a Secret as JSON, and writes the files for git into a folder that Tekton makes of it for the steps of a TaskRun.
package main

import (
	"encoding/json"
	"flag"
	"log"
	"os"
	"path/filepath"

	"github.com/tektoncd/pipeline/pkg/credentials/gitcreds"
	"github.com/tektoncd/pipeline/pkg/credentials/matcher"
)

// Secret is what Tekton looks at.
type Secret struct {
	Metadata struct {
		Name        string            `json:"name"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Type string            `json:"type"`
	Data map[string][]byte `json:"data"`
}

// GetName is the name of the Secret.
func (s *Secret) GetName() string { return s.Metadata.Name }

// GetAnnotations are its annotations.
func (s *Secret) GetAnnotations() map[string]string { return s.Metadata.Annotations }

func main() {
	folder := os.Args[1]
	secret := &Secret{}
	check(json.NewDecoder(os.Stdin).Decode(secret))
	matcher.VolumePath = filepath.Join(folder, "volumes")
	check(os.MkdirAll(matcher.VolumeName(secret.GetName()), 0o700))
	for key, value := range secret.Data {
		check(os.WriteFile(filepath.Join(matcher.VolumeName(secret.GetName()), key), value, 0o600))
	}
	builder := gitcreds.NewBuilder()
	flags := flag.NewFlagSet("entrypoint", flag.ExitOnError)
	gitcreds.AddFlags(flags)
	check(flags.Parse(builder.MatchingAnnotations(secret)))
	check(builder.Write(folder))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
