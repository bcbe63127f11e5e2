/** Elements of the page in one expression. */

type Child = Node | string;

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  Object.assign(made, properties);
  made.append(...children);
  return made;
}

export function button(
  text: string,
  onclick: () => unknown,
  disabled = false
): HTMLButtonElement {
  return element(
    'button',
    {
      className: 'jp-mod-styled nbr-button',
      type: 'button',
      onclick,
      disabled
    },
    text
  );
}
