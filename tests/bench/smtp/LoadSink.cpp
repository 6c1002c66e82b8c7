// SPDX-License-Identifier: GPL-2.0-or-later
// pmg-loadsink: the next hop of the benchmarks. Takes every message, keeps none, and counts them in a
// file that run.py maps. Raw epoll and one thread, so that it leaves the processors to what is measured.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

constexpr int backlog = 1024;
constexpr std::size_t readSize = 64 * 1024;
constexpr std::string_view endOfData = "\r\n.\r\n";

using Counter = std::atomic<std::uint64_t>;

struct Peer {
    int socket = -1;
    bool isInData = false;
    bool isOver = false;
    std::string input = {};
    std::string output = {};
};

void answer(Peer &peer, std::string_view line)
{
    const std::string_view verb = line.substr(0, 4);
    if (verb == "EHLO" || verb == "ehlo") {
        peer.output += "250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 100000000\r\n";
    } else if (verb == "DATA" || verb == "data") {
        peer.isInData = true;
        peer.output += "354 go on\r\n";
    } else if (verb == "QUIT" || verb == "quit") {
        peer.isOver = true;
        peer.output += "221 bye\r\n";
    } else {
        peer.output += "250 ok\r\n";
    }
}

/// Drops message octets up to the end of data. False if more of them must come first.
bool skipData(Peer &peer, Counter &taken)
{
    const std::size_t end = peer.input.find(endOfData);
    if (end == std::string::npos) {
        // Keeps what may be the first half of the end.
        const std::size_t kept = std::min(peer.input.size(), endOfData.size() - 1);
        peer.input.erase(0, peer.input.size() - kept);
        return false;
    }
    peer.input.erase(0, end + endOfData.size());
    peer.isInData = false;
    taken.fetch_add(1, std::memory_order_relaxed);
    peer.output += "250 taken\r\n";
    return true;
}

void consume(Peer &peer, Counter &taken)
{
    while (!peer.isOver) {
        if (peer.isInData) {
            if (!skipData(peer, taken)) {
                return;
            }
            continue;
        }
        const std::size_t end = peer.input.find("\r\n");
        if (end == std::string::npos) {
            return;
        }
        const std::string line = peer.input.substr(0, end);
        peer.input.erase(0, end + 2);
        answer(peer, line);
    }
}

/// False if the connection is over.
bool serve(Peer &peer, Counter &taken)
{
    static std::array<char, readSize> buffer;
    const ssize_t count = ::recv(peer.socket, buffer.data(), buffer.size(), 0);
    if (count <= 0) {
        return count < 0 && (errno == EAGAIN || errno == EINTR);
    }
    peer.input.append(buffer.data(), std::size_t(count));
    consume(peer, taken);
    // Replies are far smaller than any socket buffer.
    if (!peer.output.empty()
        && ::send(peer.socket, peer.output.data(), peer.output.size(), MSG_NOSIGNAL)
               != ssize_t(peer.output.size())) {
        return false;
    }
    peer.output.clear();
    return !peer.isOver;
}

int listenOnLoopback()
{
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto *where = reinterpret_cast<sockaddr *>(&address);
    if (::bind(listener, where, size) != 0 || ::listen(listener, backlog) != 0
        || ::getsockname(listener, where, &size) != 0) {
        return -1;
    }
    std::printf("%d\n", int(ntohs(address.sin_port)));
    std::fflush(stdout);
    return listener;
}

void add(int epoll, int socket, void *tag)
{
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = tag;
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event);
}

void acceptAll(int listener, int epoll)
{
    for (int socket = 0; (socket = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
        const int on = 1;
        ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        static_cast<void>(::send(socket, "220 sink ESMTP\r\n", 16, MSG_NOSIGNAL));
        add(epoll, socket, new Peer{socket});
    }
}

}  // namespace

int main(int argc, char **argv)
{
    if (argc != 2) {
        std::fputs("Usage: pmg-loadsink COUNTER-FILE\nPrints its port; runs until it is killed.\n",
                   stderr);
        return 2;
    }
    const int file = ::open(argv[1], O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0 || ::ftruncate(file, sizeof(Counter)) != 0) {
        std::perror(argv[1]);
        return EXIT_FAILURE;
    }
    auto *taken = static_cast<Counter *>(
        ::mmap(nullptr, sizeof(Counter), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
    const int listener = listenOnLoopback();
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    if (taken == MAP_FAILED || listener < 0) {
        std::perror("pmg-loadsink");
        return EXIT_FAILURE;
    }
    add(epoll, listener, nullptr);
    std::array<epoll_event, 128> events{};
    while (true) {
        const int count = ::epoll_wait(epoll, events.data(), int(events.size()), -1);
        for (int i = 0; i < count; ++i) {
            auto *peer = static_cast<Peer *>(events.at(std::size_t(i)).data.ptr);
            if (peer == nullptr) {
                acceptAll(listener, epoll);
            } else if (!serve(*peer, *taken)) {
                ::close(peer->socket);
                delete peer;
            }
        }
    }
}
