import './style/tokens.css';
import './style/base.css';
import './style/frame.css';
import './style/controls.css';
import './style/table.css';
import { render } from 'preact';
import { App } from './app/App.tsx';

// Its address is relative to the page that was loaded, and the address of the page changes.
for (const icon of document.querySelectorAll<HTMLLinkElement>('link[rel=icon]')) icon.href = new URL(icon.href).href;

render(<App />, document.getElementById('app')!);
