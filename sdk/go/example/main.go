// Creates a connection, and waits until the operator has judged its token.
//
//	go build -o example . && ./example NAME SECRET [HOST]
//
// "go run" itself exits with 1 whatever the program exits with. The program exits with 0 if the token is usable, with 1 if only a person can help, and with 2 if nobody can tell: the connection could not be
// created, or was not judged in time.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"githubpat.dev/sdk/go/v1alpha1"
)

func main() {
	if len(os.Args) < 3 {
		fail("usage: ./example NAME SECRET [HOST]")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()

	kubeconfig := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), &clientcmd.ConfigOverrides{})
	namespace, _, err := kubeconfig.Namespace()
	check(err)
	config, err := kubeconfig.ClientConfig()
	check(err)
	scheme := runtime.NewScheme()
	check(v1alpha1.AddToScheme(scheme))
	cluster, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	check(err)

	connection := &v1alpha1.GithubPatConnection{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: os.Args[1]},
		Spec: v1alpha1.GithubPatConnectionSpec{
			SecretRef: v1alpha1.SecretKeyRef{Name: os.Args[2]},
			Require: &v1alpha1.Requirement{
				Kinds:  []v1alpha1.TokenKind{v1alpha1.TokenKindClassic},
				Scopes: []string{"repo"},
			},
			Publish: []v1alpha1.Output{{SecretName: os.Args[1] + "-git", Format: v1alpha1.FormatBasicAuth}},
		},
	}
	if len(os.Args) > 3 {
		connection.Spec.Host = os.Args[3]
	}
	check(cluster.Create(ctx, connection))

	ready, err := judged(ctx, cluster, client.ObjectKeyFromObject(connection))
	check(err)
	fmt.Printf("%s: %s\n", ready.Reason, ready.Message)
	if ready.Status != metav1.ConditionTrue {
		os.Exit(1)
	}
}

// judged waits until Ready is True, or until only a person can help.
func judged(ctx context.Context, cluster client.WithWatch, key client.ObjectKey) (*metav1.Condition, error) {
	for ctx.Err() == nil {
		events, err := cluster.Watch(ctx, &v1alpha1.GithubPatConnectionList{},
			client.InNamespace(key.Namespace), client.MatchingFields{"metadata.name": key.Name})
		if err != nil {
			return nil, err
		}
		for event := range events.ResultChan() {
			connection, ok := event.Object.(*v1alpha1.GithubPatConnection)
			// A status speaks of the spec that it names.
			if !ok || connection.Status == nil || connection.Status.ObservedGeneration == nil ||
				*connection.Status.ObservedGeneration != connection.Generation {
				continue
			}
			conditions := connection.Status.Conditions
			ready := meta.FindStatusCondition(conditions, "Ready")
			if ready != nil && (ready.Status == metav1.ConditionTrue || meta.IsStatusConditionTrue(conditions, "Stalled")) {
				events.Stop()
				return ready, nil
			}
		}
	}
	return nil, fmt.Errorf("connection %s was not judged in time", key.Name)
}

func check(err error) {
	if err != nil {
		fail(err.Error())
	}
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(2)
}
