/** The panel with rehearsals and releases of the project; an evidence page opens in a tab. */

import { JupyterFrontEnd } from '@jupyterlab/application';
import { IFrame, MainAreaWidget } from '@jupyterlab/apputils';
import { URLExt } from '@jupyterlab/coreutils';
import { LabIcon } from '@jupyterlab/ui-components';
import { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';

import { button, element } from './dom';
import { RehearsalView } from './rehearsal';
import { address, get, IRelease } from './server';

const icon = new LabIcon({
  name: 'nbrelease:releases',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
    <path class="jp-icon3" fill="#616161" d="M12 2l8 3v6c0 5-3.4 9.4-8 11-4.6-1.6-8-6-8-11V5zm-1.2 14l6-6-1.4-1.4-4.6 4.6-2.200-2.200L7.200 12.400z"/></svg>`
});

export class ReleasesPanel extends Widget {
  constructor(private app: JupyterFrontEnd) {
    super();
    this.id = 'nbrelease-releases';
    this.title.icon = icon;
    this.title.caption = 'nbrelease: releases';
    this.addClass('nbr-panel');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', 'Releases');
    this.node.append(
      element(
        'div',
        { className: 'nbr-head' },
        this._rehearsal.node,
        this._body
      )
    );
  }

  /** The path of a notebook of the project; empty for the folder of the server. */
  set path(path: string) {
    const changed = path !== this._rehearsal.path;
    this._rehearsal.path = path;
    if (changed && this.isVisible) {
      void this._rehearsal.refresh();
    }
  }

  protected onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this._rehearsal.watch();
    void this.refresh();
  }

  protected onAfterHide(message: Message): void {
    super.onAfterHide(message);
    this._rehearsal.unwatch();
  }

  async refresh(): Promise<void> {
    const nodes: Node[] = [
      element('h2', {}, 'Releases'),
      element(
        'p',
        {},
        button('Refresh', () => {
          void this._rehearsal.refresh();
          return this.refresh();
        })
      )
    ];
    try {
      const query = { path: this._rehearsal.path };
      const { releases } = await get<{ releases: IRelease[] }>(
        'releases',
        query
      );
      const rows = releases.map(each => this.describe(each));
      nodes.push(
        rows.length > 0
          ? element('ul', {}, ...rows)
          : element('p', {}, 'No release yet.')
      );
    } catch (error) {
      nodes.push(element('p', {}, (error as Error).message));
    }
    this._body.replaceChildren(...nodes);
  }

  private describe(release: IRelease): HTMLElement {
    const row = element(
      'li',
      { className: `nbr-verdict-${release.verdict.replace(' ', '-')}` },
      element('strong', {}, release.verdict),
      ` ${release.env}, ${release.started} ${release.model}`,
      element('div', {}, release.headline)
    );
    if (release.page) {
      const open = button('Evidence', () =>
        this.open(release.page, release.id)
      );
      open.setAttribute('aria-label', `Evidence of ${release.id}`);
      row.append(open);
    }
    return row;
  }

  private open(page: string, title: string): void {
    const content = new IFrame({
      sandbox: ['allow-same-origin', 'allow-popups']
    });
    content.url = address('nbrelease', 'evidence', URLExt.encodeParts(page));
    content.title.label = title;
    content.title.icon = icon;
    content.node.querySelector('iframe')!.title = `Evidence of ${title}`;
    const widget = new MainAreaWidget({ content });
    this.app.shell.add(widget, 'main');
    this.app.shell.activateById(widget.id);
  }

  private _body = element('div', {});
  private _rehearsal = new RehearsalView(
    (page, title) => this.open(page, title),
    () => void this.refresh()
  );
}
