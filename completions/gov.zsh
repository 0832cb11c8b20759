#compdef gov

_gov_completion() {
  eval $(env _TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" _GOV_COMPLETE=complete_zsh gov)
}

compdef _gov_completion gov
