# Completions of tfs for fish. tfs itself finds the candidates: torrents, mounts and servers too.
function __tfs_complete
    set -l words (commandline --current-process --tokenize --cut-at-cursor)
    # The last word is passed as typed: it may end within quotes.
    set -lx _TFS_COMPLETE fish
    tfs -- $words (commandline --current-token --cut-at-cursor) 2>/dev/null
end
complete --command tfs --no-files --keep-order --arguments '(__tfs_complete)'
