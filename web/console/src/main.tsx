import './style/tokens.css';
import './style/base.css';
import './style/frame.css';
import './style/controls.css';
import './style/table.css';
import { render } from 'preact';
import { App } from './app/App.tsx';

// The icon is requested again for another address, to which its reference would then be relative.
for (const link of document.querySelectorAll<HTMLLinkElement>('link[rel="icon"]')) link.href = link.href;

render(<App />, document.getElementById('app')!);
