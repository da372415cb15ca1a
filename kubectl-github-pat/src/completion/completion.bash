# Completes kubectl-github_pat and kubectl-ghpat in bash.
_kubectl_github_pat() {
    local line directive
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
            :*) directive=${line#:} ;;
            *) COMPREPLY+=("${line%%$'\t'*}") ;;
        esac
    done < <("${COMP_WORDS[0]}" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    if [[ $directive == 0 ]]; then
        compopt -o default
    fi
}
complete -F _kubectl_github_pat kubectl-github_pat kubectl-ghpat
