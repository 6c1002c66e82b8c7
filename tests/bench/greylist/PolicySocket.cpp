// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/greylist/PolicySocket.h"

#include "appliance/policy/delegation/DelegationEngine.h"

#include <QtCore/QRandomGenerator>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

namespace portcullis::bench {

namespace {

using Clock = std::chrono::steady_clock;

sockaddr_un addressOf(const QByteArray &path)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.constData(), sizeof address.sun_path - 1);
    return address;
}

void talk(int connection, policy::greylist::Greylist &greylist)
{
    policy::DelegationEngine *engine = nullptr;
    policy::DelegationEngine made(
        [&](const policy::DelegationRequest &request) {
            const auto decision = greylist.decide(
                {request.clientAddress, request.sender, request.recipient},
                SystemClock::instance().wall());
            engine->answer(decision.isPass() ? "DUNNO" : "DEFER_IF_PERMIT try later");
        },
        [](const QByteArray &problem) { std::fprintf(stderr, "%s\n", problem.constData()); });
    engine = &made;
    char buffer[4096];
    ssize_t size = 0;
    while ((size = ::read(connection, buffer, sizeof buffer)) > 0) {
        engine->receive(QByteArrayView(buffer, size));
        const QByteArray output = engine->takeOutput();
        if (::write(connection, output.constData(), static_cast<size_t>(output.size())) < 0) {
            break;
        }
    }
    ::close(connection);
}

QByteArray requestFor(const TestTriplet &triplet)
{
    return "request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\nhelo_name="
           "mx.example.org\nqueue_id=\nsender="
           + triplet.sender + "\nrecipient=" + triplet.recipient
           + "\nrecipient_count=0\nclient_address=" + triplet.client
           + "\nclient_name=unknown\nreverse_client_name=unknown\ninstance=1\n\n";
}

struct Answers {
    std::atomic<quint64> all = 0;
    std::atomic<quint64> deferred = 0;
};

void askOn(const QByteArray &socket, quint32 triplets, Clock::time_point end, Answers &answers)
{
    const int connection = ::socket(AF_UNIX, SOCK_STREAM, 0);
    const sockaddr_un address = addressOf(socket);
    if (::connect(connection, reinterpret_cast<const sockaddr *>(&address), sizeof address) != 0) {
        std::perror("connect");
        return;
    }
    char buffer[4096];
    QByteArray answer;
    while (Clock::now() < end) {
        const QByteArray request = requestFor(
            tripletAt(QRandomGenerator::global()->bounded(triplets)));
        if (::write(connection, request.constData(), static_cast<size_t>(request.size())) < 0) {
            break;
        }
        answer.clear();
        while (!answer.endsWith("\n\n")) {
            const ssize_t size = ::read(connection, buffer, sizeof buffer);
            if (size <= 0) {
                return;
            }
            answer.append(buffer, size);
        }
        ++answers.all;
        answers.deferred += answer.contains("DEFER") ? 1 : 0;
    }
    ::close(connection);
}

}  // namespace

TestTriplet tripletAt(quint32 index)
{
    QByteArray name;
    for (quint32 rest = index; rest > 0 || name.isEmpty(); rest /= 26) {
        name.append(static_cast<char>('a' + rest % 26));
    }
    const quint32 network = index % 60'000;
    return {"11." + QByteArray::number(network / 250) + '.' + QByteArray::number(network % 250)
                + ".7",
            name + "@d" + QByteArray::number(index % 5000) + ".example",
            "user" + name.left(2) + "@example.net"};
}

int serve(const QByteArray &socket, policy::greylist::Greylist &greylist)
{
    ::unlink(socket.constData());
    const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
    const sockaddr_un address = addressOf(socket);
    if (::bind(listener, reinterpret_cast<const sockaddr *>(&address), sizeof address) != 0
        || ::listen(listener, 100) != 0) {
        std::perror("listen");
        return 1;
    }
    std::puts("ready");
    std::fflush(stdout);
    while (true) {
        const int connection = ::accept(listener, nullptr, nullptr);
        if (connection < 0) {
            return 1;
        }
        std::thread([connection, &greylist] { talk(connection, greylist); }).detach();
    }
}

int ask(const QByteArray &socket, quint32 triplets, int connections, int seconds)
{
    Answers answers;
    const auto start = Clock::now();
    const auto end = start + std::chrono::seconds(seconds);
    std::vector<std::thread> threads;
    for (int i = 0; i < connections; ++i) {
        threads.emplace_back([&] { askOn(socket, triplets, end, answers); });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    const std::chrono::duration<double> took = Clock::now() - start;
    std::printf("%.0f %llu\n", static_cast<double>(answers.all.load()) / took.count(),
                static_cast<unsigned long long>(answers.deferred.load()));
    return answers.all > 0 ? 0 : 1;
}

}  // namespace portcullis::bench
