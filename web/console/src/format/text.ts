/** A text with its first letter in upper case, such as a message of the API as a sentence. */
export const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
