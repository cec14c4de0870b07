import './style/tokens.css';
import './style/base.css';
import './style/frame.css';
import './style/controls.css';
import './style/table.css';
import { render } from 'preact';
import { App } from './app/App.tsx';

render(<App />, document.getElementById('app')!);
