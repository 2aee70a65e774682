# Shell history in the log of this machine's node, and so on all your machines. In ~/.bashrc:
#
#   source /path/to/guild-history.bash
#
# Each command becomes one entry: {"line":"git status","cwd":"/home/alice","code":0}. A command that
# begins with a space is left out where HISTCONTROL says ignorespace, as it is left out of the history.
# The prompt does not wait for it. GUILD_DATA_DIR says which node, as it does for guild-home.

__guild_quote() { # text as a JSON string
  local text=$1
  text=${text//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//$'\n'/\\n}
  text=${text//$'\t'/\\t}
  text=${text//[[:cntrl:]]/}
  printf '"%s"' "$text"
}

__guild_history() {
  local code=$? entry number line
  entry=$(HISTTIMEFORMAT='' builtin history 1)
  read -r number line <<< "$entry"
  # Enter on an empty line, and the first prompt, say nothing new.
  if [[ -n $number && $number != "${__guild_number-}" && -n ${__guild_number+set} ]]; then
    line=${entry#"${entry%%[0-9]*}$number"}
    line=${line#"${line%%[![:space:]*]*}"}
    (
      printf '{"line":%s,"cwd":%s,"code":%d}\n' "$(__guild_quote "$line")" "$(__guild_quote "$PWD")" "$code" |
        guild-home log append > /dev/null 2>&1 &
    )
  fi
  __guild_number=$number
  return "$code"
}

PROMPT_COMMAND="__guild_history${PROMPT_COMMAND:+; $PROMPT_COMMAND}"
