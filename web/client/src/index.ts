export { connect, type Connection, type ConnectionOptions } from './connection.ts';
export { SubscriptionError, type Delivery, type Following, type FollowOptions } from './follow.ts';
export type { ConnectionState, ConnectionStatus } from './state.ts';
