// Prints how the objects on its input are by kstatus, as Flux and helm --wait judge them, one a line.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func main() {
	input := json.NewDecoder(os.Stdin)
	for {
		var text json.RawMessage
		err := input.Decode(&text)
		if errors.Is(err, io.EOF) {
			return
		}
		var object unstructured.Unstructured
		if err == nil {
			err = object.UnmarshalJSON(text)
		}
		if err != nil {
			log.Fatal(err)
		}
		result, err := status.Compute(&object)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(result.Status)
	}
}
