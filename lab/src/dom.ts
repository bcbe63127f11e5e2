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

/** An option of a select. */
export function option(
  value: string,
  text: string,
  selected: boolean
): HTMLOptionElement {
  return element('option', { value, selected }, text);
}

/** A field of a form with its name and a help text. */
export function labelled(
  name: string,
  input: HTMLElement,
  help = ''
): HTMLElement {
  // Without it the name would contain the options of a select and the help.
  input.setAttribute('aria-label', name);
  if (help !== '') {
    input.setAttribute('aria-description', help);
  }
  return element(
    'label',
    { className: 'nbr-field' },
    element('span', {}, name),
    input,
    ...(help === '' ? [] : [element('small', {}, help)])
  );
}
