#!/bin/sh
# kubectl runs this to complete the arguments of kubectl github-pat.
exec kubectl-github_pat __complete "$@"
