/** The status page. It only reads, from the port that it was loaded from. */
import { render } from 'preact';
import { Page } from './parts/page.tsx';

render(<Page />, document.body);
