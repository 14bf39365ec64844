#pragma once
// Telling systemd about us (sd_notify(3)), without its library: one datagram to the socket named by NOTIFY_SOCKET.

#include <string_view>

namespace towpath {

// "READY=1", "STOPPING=1", "STATUS=…". Nothing happens outside of systemd.
void notifyServiceManager(std::string_view state);

}  // namespace towpath
