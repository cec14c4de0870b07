/** Desktop notifications and a sound for new alerts. Both are off until the user switches them on. */

import { signal } from '@preact/signals';

const notificationsKey = 'stock-tracker.notifications';
const soundKey = 'stock-tracker.sound';

function stored(key: string): boolean {
  try {
    return localStorage.getItem(key) === 'on';
  } catch {
    return false;
  }
}

function store(key: string, isOn: boolean): void {
  try {
    if (isOn) localStorage.setItem(key, 'on');
    else localStorage.removeItem(key);
  } catch {
    // Storage is blocked: the choice lasts until the page is closed.
  }
}

/** Whether pages of this browser and address can show notifications. */
export const canNotify = typeof Notification !== 'undefined' && globalThis.isSecureContext;

export const notificationsOn = signal(
  canNotify && Notification.permission === 'granted' && stored(notificationsKey),
);
export const soundOn = signal(stored(soundKey));

/** Why notifications cannot be switched on, or null. */
export const notificationsProblem = signal<string | null>(
  canNotify ? null : 'Notifications require HTTPS or localhost',
);

export async function switchNotifications(isOn: boolean): Promise<void> {
  if (isOn && (await Notification.requestPermission()) !== 'granted') {
    notificationsProblem.value = 'This browser blocks notifications of this page';
    return;
  }
  notificationsProblem.value = null;
  notificationsOn.value = isOn;
  store(notificationsKey, isOn);
}

export function switchSound(isOn: boolean): void {
  soundOn.value = isOn;
  store(soundKey, isOn);
  if (isOn) playSound();
}

/** How many milliseconds two sounds are apart at least. */
const soundInterval = 1500;

let audio: AudioContext | null = null;
let lastSound = Number.NEGATIVE_INFINITY;

/** Plays two short tones, if the user has clicked somewhere before: browsers require that. */
function playSound(): void {
  const now = performance.now();
  if (now - lastSound < soundInterval || !navigator.userActivation.hasBeenActive) return;
  lastSound = now;
  audio ??= new AudioContext();
  void audio.resume();
  const start = audio.currentTime;
  for (const [index, frequency] of [880, 1175].entries()) {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    const from = start + index * 0.12;
    tone.frequency.value = frequency;
    volume.gain.setValueAtTime(0.0001, from);
    volume.gain.exponentialRampToValueAtTime(0.12, from + 0.01);
    volume.gain.exponentialRampToValueAtTime(0.0001, from + 0.2);
    tone.connect(volume).connect(audio.destination);
    tone.start(from);
    tone.stop(from + 0.22);
  }
}

/** Notifies of an alert, as far as the user has switched it on. */
export function notify(alert: { id: string; symbol: string; message: string }, open: () => void): void {
  if (soundOn.value) playSound();
  if (!notificationsOn.value) return;
  try {
    // The tag makes several tabs show one notification.
    const notification = new Notification(alert.symbol, { body: alert.message, tag: alert.id });
    notification.onclick = () => {
      window.focus();
      open();
      notification.close();
    };
  } catch {
    notificationsProblem.value = 'This browser does not show notifications of pages';
  }
}
