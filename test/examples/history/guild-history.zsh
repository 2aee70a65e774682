# Shell history in the log of this machine's node, and so on all your machines. In ~/.zshrc:
#
#   source /path/to/guild-history.zsh
#
# See guild-history.bash: the entries are the same.

autoload -Uz add-zsh-hook

__guild_quote() { # text as a JSON string
  local text=$1
  text=${text//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//$'\n'/\\n}
  text=${text//$'\t'/\\t}
  text=${text//[[:cntrl:]]/}
  print -rn -- "\"$text\""
}

__guild_preexec() {
  __guild_line=$1
  [[ -o hist_ignore_space && $1 == ' '* ]] && __guild_line=
}

__guild_precmd() {
  local code=$?
  if [[ -n ${__guild_line-} ]]; then
    print -r -- "{\"line\":$(__guild_quote "$__guild_line"),\"cwd\":$(__guild_quote "$PWD"),\"code\":$code}" |
      guild-home log append > /dev/null 2>&1 &!
  fi
  __guild_line=
}

add-zsh-hook preexec __guild_preexec
add-zsh-hook precmd __guild_precmd
