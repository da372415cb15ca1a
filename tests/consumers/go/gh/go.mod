module consumers-gh

go 1.26.7

require github.com/cli/go-gh/v2 v2.17.0

require (
	github.com/cli/safeexec v1.0.1 // indirect
	github.com/kr/pretty v0.3.1 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)
