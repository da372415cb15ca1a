# Completes kubectl-github_pat and kubectl-ghpat in bash.
_kubectl_github_pat() {
    local line directive word begin='' rest=$COMP_LINE last=-1
    local -a words=()
    COMPREPLY=()
    # bash splits --flag=value at each character of COMP_WORDBREAKS: parts without a blank between them are one word.
    for word in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
        if [[ $last -ge 0 && -n $rest && $rest != [[:blank:]]* && $rest == "$word"* ]]; then
            begin=${words[last]}
            words[last]+=$word
        else
            begin=''
            words[++last]=$word
        fi
        rest=${rest#"${rest%%[![:blank:]]*}"}
        # What completes an alias puts other words in place of those of the line.
        [[ $rest == "$word"* ]] || rest=''
        rest=${rest#"$word"}
    done
    # It replaces what stands behind the last break alone.
    if [[ -n $begin && -n $word && $word != *[!"$COMP_WORDBREAKS"]* ]]; then
        begin+=$word
    fi
    while IFS= read -r line; do
        case $line in
            :*) directive=${line#:} ;;
            *)
                line=${line%%$'\t'*}
                COMPREPLY+=("${line#"$begin"}")
                ;;
        esac
    done < <("${COMP_WORDS[0]}" __complete "${words[@]:1}" 2>/dev/null)
    if [[ $directive == 0 ]]; then
        compopt -o default
    fi
}
complete -F _kubectl_github_pat kubectl-github_pat kubectl-ghpat
