/** A badge with the role of each code cell, and a menu to set it. */

import { Cell, ICellModel } from '@jupyterlab/cells';
import { CommandRegistry } from '@lumino/commands';
import { Menu } from '@lumino/widgets';

import { element } from './dom';
import { label, MARKS, ROLES, toggle } from './tags';
import { NotebookWatcher } from './watcher';

const TOGGLE = 'nbrelease:toggle-tag';
const BADGE = 'nbr-badge';

/** Shows the badges of notebooks; they share one menu. */
export class Badges {
  constructor(commands: CommandRegistry) {
    commands.addCommand(TOGGLE, {
      label: args => args.tag as string,
      isToggleable: true,
      isToggled: args => this._tags.includes(args.tag as string),
      execute: args => {
        if (this._cell !== null) {
          toggle(this._cell, args.tag as string, this._tags);
        }
      },
      describedBy: {
        args: { type: 'object', properties: { tag: { type: 'string' } } }
      }
    });
    this._menu = new Menu({ commands });
    ROLES.forEach(tag =>
      this._menu.addItem({ command: TOGGLE, args: { tag } })
    );
    this._menu.addItem({ type: 'separator' });
    MARKS.forEach(tag =>
      this._menu.addItem({ command: TOGGLE, args: { tag } })
    );
  }

  show(watcher: NotebookWatcher): void {
    watcher.changed.connect(() => {
      const tags = new Map(
        watcher.state?.cells.map(cell => [cell.id, cell.tags])
      );
      watcher.panel.content.widgets.forEach((cell, index) => {
        const id = watcher.cellId(index);
        if (cell.model.type === 'code' && tags.has(id)) {
          this.update(cell, tags.get(id)!);
        } else {
          cell.node.querySelector(`:scope > .${BADGE}`)?.remove();
        }
      });
    });
  }

  private update(cell: Cell, tags: string[]): void {
    let badge = cell.node.querySelector<HTMLButtonElement>(
      `:scope > .${BADGE}`
    );
    if (badge === null) {
      badge = element('button', { type: 'button', className: BADGE });
      badge.setAttribute('aria-haspopup', 'menu');
      badge.dataset.lmSuppressShortcuts = 'true';
      cell.node.append(badge);
    }
    badge.dataset.role = tags[0] ?? '';
    badge.textContent = label(tags);
    badge.setAttribute('aria-label', `Role of the cell: ${label(tags)}`);
    badge.onclick = () => this.open(badge, cell.model, tags);
  }

  private open(badge: HTMLElement, cell: ICellModel, tags: string[]): void {
    this._cell = cell;
    this._tags = tags;
    const { left, bottom } = badge.getBoundingClientRect();
    this._menu.open(left, bottom);
    this._menu.activeIndex = 0;
  }

  private _menu: Menu;
  private _cell: ICellModel | null = null;
  private _tags: string[] = [];
}
