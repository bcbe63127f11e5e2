/** Elements of the page in one expression. */

type Child = Node | string;

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const created = document.createElement(tag);
  Object.assign(created, properties);
  created.append(...children);
  return created;
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
