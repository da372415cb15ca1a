// Reads Secrets as JSON, one a line, and prints for each URL among the arguments what Argo CD knows of that repository: the user name,
// the password and the project to read with, and the user name and the password to push with.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/db"
	"github.com/argoproj/argo-cd/v3/util/settings"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
)

const namespace = "argocd"

func main() {
	// What Argo CD has of its own.
	labels := map[string]string{"app.kubernetes.io/part-of": "argocd"}
	meta := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: labels}
	}
	secret := map[string][]byte{"admin.password": []byte("x"), "server.secretkey": []byte("x")}
	objects := []runtime.Object{
		&corev1.ConfigMap{ObjectMeta: meta("argocd-cm")},
		&corev1.Secret{ObjectMeta: meta("argocd-secret"), Data: secret},
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		found := &corev1.Secret{}
		if err := json.Unmarshal(lines.Bytes(), found); err != nil {
			log.Fatal(err)
		}
		found.Namespace = namespace
		objects = append(objects, found)
	}
	ctx := context.Background()
	client := fake.NewClientset(objects...)
	database := db.NewDB(namespace, settings.NewSettingsManager(ctx, client, namespace), client)
	for _, url := range os.Args[1:] {
		read, err := database.GetRepository(ctx, url, "shop")
		if err != nil {
			log.Fatal(err)
		}
		write, err := database.GetWriteRepository(ctx, url, "shop")
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(url, shown(read), shown(write))
	}
}

func shown(repository *v1alpha1.Repository) string {
	return fmt.Sprintf("%s:%s:%s:%s", repository.Username, repository.Password, repository.Project, repository.Type)
}
