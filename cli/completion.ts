/** What bash, zsh and fish need to complete the commands and their options. */
import type { Command } from 'commander';
import { CommandError } from './errors.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** @returns a script for the shell to read. It is made from the commands themselves. */
export function completionFor(shell: string, program: Command): string {
  const commands = program.commands.map((command) => ({
    name: command.name(),
    about: command.summary() || command.description(),
    options: command.options
      .flatMap(({ long }) => (typeof long === 'string' ? [long] : []))
      .concat('--help'),
  }));
  const names = commands.map(({ name }) => name).join(' ');
  switch (shell) {
    case 'bash':
      return `# vlandhcp completion bash
_vlandhcp() {
  local current=\${COMP_WORDS[COMP_CWORD]}
  case \${COMP_WORDS[1]} in
${commands.map(({ name, options }) => `    ${name}) COMPREPLY=($(compgen -W '${options.join(' ')}' -- "$current")) ;;`).join('\n')}
    *) COMPREPLY=($(compgen -W '${names}' -- "$current")) ;;
  esac
  [ "$COMP_CWORD" -gt 1 ] || COMPREPLY=($(compgen -W '${names}' -- "$current"))
}
complete -F _vlandhcp vlandhcp`;
    case 'zsh':
      return `#compdef vlandhcp
_vlandhcp() {
  local -a commands=(
${commands.map(({ name, about }) => `    '${name}:${quoted(about)}'`).join('\n')}
  )
  if (( CURRENT == 2 )); then _describe command commands; return; fi
  case $words[2] in
${commands.map(({ name, options }) => `    ${name}) compadd -- ${options.join(' ')} ;;`).join('\n')}
  esac
}
compdef _vlandhcp vlandhcp`;
    case 'fish':
      return [
        'complete -c vlandhcp -f',
        ...commands.flatMap(({ name, about, options }) => [
          `complete -c vlandhcp -n __fish_use_subcommand -a ${name} -d '${quoted(about)}'`,
          ...options.map(
            (option) =>
              `complete -c vlandhcp -n '__fish_seen_subcommand_from ${name}' -l ${option.slice(2)}`,
          ),
        ]),
      ].join('\n');
    default:
      throw new CommandError(`completion is for ${SHELLS.join(', ')}, not for ${shell}`);
  }
}

function quoted(text: string): string {
  return text.replaceAll("'", '').replaceAll(':', ',');
}
