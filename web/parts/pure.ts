/** A part that is drawn again only if one of its properties is another value. */
import { Component, createElement, type ComponentType, type VNode } from 'preact';

export function pure<Props extends object>(part: (props: Props) => VNode): ComponentType<Props> {
  return class extends Component<Props> {
    override shouldComponentUpdate(next: Readonly<Props>): boolean {
      const names = new Set([...Object.keys(this.props), ...Object.keys(next)]);
      return [...names].some(
        (name) => this.props[name as keyof Props] !== next[name as keyof Props],
      );
    }

    override render() {
      return createElement(part, this.props as Props & { children?: never });
    }
  };
}
