module controlplane-tekton

go 1.26.0

require github.com/tektoncd/pipeline v1.0.0
