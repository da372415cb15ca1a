# Completes kubectl-github_pat and kubectl-ghpat in fish.
function __kubectl_github_pat
    set -l words (commandline -opc) (commandline -ct)
    set -l answer ($words[1] __complete $words[2..-1] 2>/dev/null)
    if test "$answer[-1]" = ":0"
        __fish_complete_path (commandline -ct)
    end
    string match -v -r '^:' -- $answer
end
complete -c kubectl-github_pat -f -a '(__kubectl_github_pat)'
complete -c kubectl-ghpat -f -a '(__kubectl_github_pat)'
