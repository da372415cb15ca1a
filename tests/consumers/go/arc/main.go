// Reads the files of a folder as the data of a githubConfigSecret, has the client of actions-runner-controller ask a server on this
// machine for runners with it, and prints how that client says who it is.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/actions/actions-runner-controller/github/actions"
	"github.com/go-logr/logr"
)

func main() {
	data := actions.KubernetesSecretData{}
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
	said := make(chan string, 16)
	server := httptest.NewServer(http.HandlerFunc(func(reply http.ResponseWriter, request *http.Request) {
		select {
		case said <- request.URL.Path + " " + request.Header.Get("Authorization"):
		default:
		}
		reply.WriteHeader(http.StatusForbidden)
	}))
	defer server.Close()
	clients := actions.NewMultiClient(logr.Discard())
	client, err := clients.GetClientFromSecret(context.Background(), server.URL+"/acme", "runners", data, actions.WithRetryMax(0))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := client.GetRunnerByName(context.Background(), "one"); err == nil {
		log.Fatal("a server that refuses was heard to answer")
	}
	fmt.Println(<-said)
}
