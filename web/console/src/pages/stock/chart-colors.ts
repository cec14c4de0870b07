export interface Colors {
  text: string;
  line: string;
  up: string;
  down: string;
  accent: string;
  volumeUp: string;
  volumeDown: string;
}

/** The colours of the theme, as the canvas needs them: resolved. */
export function colorsOf(container: HTMLElement): Colors {
  const probe = document.createElement('span');
  probe.hidden = true;
  container.append(probe);
  const resolve = (property: string): string => {
    probe.style.color = `var(${property})`;
    return getComputedStyle(probe).color;
  };
  const [up, down] = [resolve('--up'), resolve('--down')];
  const colors = {
    text: resolve('--muted'),
    line: resolve('--line'),
    up,
    down,
    accent: resolve('--accent'),
    volumeUp: transparent(up),
    volumeDown: transparent(down),
  };
  probe.remove();
  return colors;
}

const transparent = (color: string): string => color.replace(/^rgb\((.*)\)$/, 'rgba($1, 0.35)');
