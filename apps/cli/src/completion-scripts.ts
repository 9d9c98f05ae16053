export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

/** One to be read by the shell. Each asks `weft complete-words`, whose lines are a word, a tab and what it means. */
export const completionScripts: Readonly<Record<Shell, string>> = {
  bash: `# weft's completion for bash: source it, or put it at /etc/bash_completion.d/weft
_weft() {
  local IFS=$'\\n' line answer
  COMPREPLY=()
  answer=$("$1" complete-words -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  case $answer in
    :files) COMPREPLY=($(compgen -f -- "$2")); compopt -o filenames 2>/dev/null ;;
    :directories) COMPREPLY=($(compgen -d -- "$2")); compopt -o filenames 2>/dev/null ;;
    *) for line in $answer; do
         line=\${line%%$'\\t'*}
         [[ $line == "$2"* ]] && COMPREPLY+=("$line")
       done ;;
  esac
  return 0
}
complete -F _weft weft
`,
  zsh: `#compdef weft
# weft's completion for zsh: source it behind compinit, or put it at a directory of $fpath as _weft
_weft() {
  local -a lines items
  local line
  lines=("\${(@f)$("\${words[1]}" complete-words -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  case \${lines[1]} in
    :files) _files; return ;;
    :directories) _files -/; return ;;
  esac
  for line in $lines; do
    [[ -n $line ]] && items+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  (( \${#items} )) && _describe -t weft weft items
}
if [[ \${funcstack[1]} == _weft ]]; then _weft "$@"; else compdef _weft weft; fi
`,
  fish: `# weft's completion for fish: source it, or put it at ~/.config/fish/completions/weft.fish
function __weft_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l answer ($words[1] complete-words -- $words[2..] "$current" 2>/dev/null)
    switch "$answer[1]"
        case :files
            __fish_complete_path "$current"
        case :directories
            __fish_complete_directories "$current"
        case '*'
            test (count $answer) -gt 0; and printf '%s\\n' $answer
    end
end
complete -c weft -f -a '(__weft_complete)'
`,
}
