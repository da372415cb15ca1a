#compdef kubectl-github_pat kubectl-ghpat
# Completes kubectl-github_pat and kubectl-ghpat in zsh.
_kubectl_github_pat() {
    local line directive
    local -a offered
    while IFS= read -r line; do
        case $line in
            :*) directive=${line#:} ;;
            *) offered+=("${${line//:/\\:}/$'\t'/:}") ;;
        esac
    done < <("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
    _describe 'kubectl github-pat' offered
    if [[ $directive == 0 ]]; then
        _files
    fi
}
if [[ ${funcstack[1]} == _kubectl-github_pat ]]; then
    _kubectl_github_pat "$@"
else
    compdef _kubectl_github_pat kubectl-github_pat kubectl-ghpat
fi
