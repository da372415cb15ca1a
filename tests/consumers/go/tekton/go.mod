module consumers-tekton

go 1.26.0

require github.com/tektoncd/pipeline v1.0.0

require (
	github.com/gogo/protobuf v1.3.2 // indirect
	github.com/mitchellh/go-homedir v1.1.0 // indirect
	k8s.io/apimachinery v0.32.4 // indirect
)
