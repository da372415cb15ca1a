// Reads a githubConfigSecret as JSON, has the client of actions-runner-controller ask a server on this
// machine for runners with it, and prints how that client says who it is.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/actions/actions-runner-controller/github/actions"
	"github.com/go-logr/logr"
)

func main() {
	var secret struct {
		Data actions.KubernetesSecretData `json:"data"`
	}
	if err := json.NewDecoder(os.Stdin).Decode(&secret); err != nil {
		log.Fatal(err)
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
	client, err := clients.GetClientFromSecret(context.Background(), server.URL+"/acme", "runners", secret.Data, actions.WithRetryMax(0))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := client.GetRunnerByName(context.Background(), "one"); err == nil {
		log.Fatal("a server that refuses was heard to answer")
	}
	fmt.Println(<-said)
}
