// Reads pull secrets as JSON, one a line, and has a container runtime pull an image with them, as the kubelet does for a Pod: each of the
// credentials that Kubernetes' own package finds in them for the image is tried in turn.
//
//	kubelet SOCKET IMAGE
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	corev1 "k8s.io/api/core/v1"
	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/kubernetes/pkg/credentialprovider"
	"k8s.io/kubernetes/pkg/credentialprovider/secrets"
)

func main() {
	var given []corev1.Secret
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var secret corev1.Secret
		if err := json.Unmarshal(lines.Bytes(), &secret); err != nil {
			log.Fatal(err)
		}
		given = append(given, secret)
	}
	keyring, err := secrets.MakeDockerKeyring(given, &credentialprovider.BasicDockerKeyring{})
	if err != nil {
		log.Fatal(err)
	}
	connection, err := grpc.NewClient("unix://"+os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	image, err := pull(runtime.NewImageServiceClient(connection), keyring, os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(image)
}

func pull(images runtime.ImageServiceClient, keyring credentialprovider.DockerKeyring, image string) (string, error) {
	found, _ := keyring.Lookup(image)
	failed := fmt.Errorf("no credentials for %s", image)
	for _, credentials := range found {
		request := &runtime.PullImageRequest{
			Image: &runtime.ImageSpec{Image: image},
			Auth: &runtime.AuthConfig{
				Username:      credentials.Username,
				Password:      credentials.Password,
				Auth:          credentials.Auth,
				ServerAddress: credentials.ServerAddress,
			},
		}
		reply, err := images.PullImage(context.Background(), request)
		if err == nil {
			return reply.ImageRef, nil
		}
		failed = err
	}
	return "", failed
}
