// SPDX-License-Identifier: GPL-2.0-or-later
// Postfix's policy delegation protocol on octets from outside. The first octet chooses when requests
// are answered and with what, the second how the rest is cut; whatever comes, each answer is one action
// line and an empty line, and there are never more answers than requests.
#include "appliance/policy/delegation/DelegationEngine.h"

#include <algorithm>
#include <cstdlib>

namespace {

using namespace portcullis;

enum Choice : uint8_t { Late = 1, Nasty = 2, SmallLimits = 4 };

void require(bool isTrue)
{
    if (!isTrue) {
        std::abort();
    }
}

void checkOutput(const QByteArray &output)
{
    require(output.isEmpty() || output.endsWith("\n\n"));
    for (const QByteArray &reply : output.split('\n')) {
        require(reply.isEmpty() || reply.startsWith("action="));
        require(!reply.contains('\r') && !reply.contains('\0'));
    }
}

policy::DelegationLimits limitsFor(uint8_t choice)
{
    policy::DelegationLimits limits;
    if ((choice & SmallLimits) != 0) {
        limits.line = 40;
        limits.attributes = 4;
        limits.waiting = 100;
        limits.request = 200;
        limits.malformed = 2;
    }
    return limits;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    const uint8_t choice = data[0];
    const QByteArray action = (choice & Nasty) != 0
                                  ? QByteArray("PREPEND X: a\r\n\naction=OK\0b", 25)
                                  : QByteArray("DUNNO");
    qsizetype decided = 0;
    qsizetype complaints = 0;
    policy::DelegationEngine *self = nullptr;
    policy::DelegationEngine engine(
        [&](const policy::DelegationRequest &request) {
            ++decided;
            require(request.problem.isEmpty() && !request.protocolState.isEmpty());
            if ((choice & Late) == 0) {
                self->answer(action);
            }
        },
        [&](const QByteArray &) { ++complaints; }, limitsFor(choice));
    self = &engine;
    const auto step = static_cast<qsizetype>(data[1]) + 1;
    const QByteArrayView octets(data + 2, static_cast<qsizetype>(size) - 2);
    qsizetype answers = 0;
    for (qsizetype at = 0; at < octets.size() && !engine.isFinished(); at += step) {
        engine.receive(octets.sliced(at, std::min(step, octets.size() - at)));
        if ((choice & Late) != 0) {
            engine.answer(action);
        }
        const QByteArray output = engine.takeOutput();
        checkOutput(output);
        answers += output.count("\n\n");
        require(answers <= decided + complaints);
    }
    return 0;
}
