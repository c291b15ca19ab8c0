/** The head of the page: whether it is up to date, the search, and the theme. */
import { useEffect, useRef } from 'preact/hooks';
import { ThemeSwitch, type Theme } from './theme.tsx';

export interface HeaderProps {
  readonly version: string | undefined;
  readonly isLive: boolean;
  readonly trouble: string | undefined;
  readonly query: string;
  readonly onQuery: (query: string) => void;
  readonly theme: Theme;
  readonly onTheme: (theme: Theme) => void;
}

export function Header(props: HeaderProps) {
  const { version, isLive, trouble, query, onQuery, theme, onTheme } = props;
  const search = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const isTyping = event.target instanceof Element && event.target.matches('input, select');
      if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      search.current?.focus();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
  return (
    <header>
      <h1>
        vlandhcp <small>{version}</small>
      </h1>
      <span class={`live ${isLive ? 'good' : 'bad'}`}>{isLive ? 'live' : 'connecting'}</span>
      <label class="search">
        <span class="unseen">Search by name, address or MAC</span>
        <input
          type="search"
          ref={search}
          value={query}
          placeholder="Name, address or MAC"
          autocomplete="off"
          spellcheck={false}
          onInput={({ currentTarget }) => onQuery(currentTarget.value)}
          onKeyDown={({ key }) => key === 'Escape' && onQuery('')}
        />
        <kbd aria-hidden="true">/</kbd>
      </label>
      <ThemeSwitch theme={theme} onChange={onTheme} />
      {trouble !== undefined && (
        <p class="trouble" role="alert">
          {trouble}
        </p>
      )}
    </header>
  );
}
