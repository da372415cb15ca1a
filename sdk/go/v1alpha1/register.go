// Package v1alpha1 has the types of the resource GithubPatConnection.
//
// +kubebuilder:object:generate=true
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is that of the resource.
var GroupVersion = schema.GroupVersion{Group: "githubpat.dev", Version: "v1alpha1"}

// AddToScheme makes the types known to a scheme, as clients of Kubernetes need it.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &GithubPatConnection{}, &GithubPatConnectionList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
