"""
What each cause means, in Korean and English: to the uploader without internals, to the operator with them.

`docs/reference/causes.md` is made from these tables; tests hold that none has a gap.
"""

from collections.abc import Mapping
from typing import NamedTuple

from .causes import Cause
from .diagnosis import NextStep


class Text(NamedTuple):
    """A sentence that says what happened, and the next step."""

    detail: str
    hint: str


CAUSE_TEXTS: Mapping[Cause, Mapping[str, Text]] = {
    Cause.READY: {
        "ko": Text("시청할 수 있습니다.", "재생을 누르세요."),
        "en": Text("It can be watched.", "Press play."),
    },
    Cause.ENCODING: {
        "ko": Text("인코딩하고 있습니다.", "끝나면 자동으로 시청할 수 있게 됩니다."),
        "en": Text("It is being encoded.", "It becomes watchable by itself when that is done."),
    },
    Cause.DELETED: {
        "ko": Text("삭제된 영상입니다.", "필요하면 파일을 새로 올려 주세요."),
        "en": Text("The video has been deleted.", "Upload the file again if you need it."),
    },
    Cause.UPLOAD_WAITING: {
        "ko": Text("파일이 아직 도착하지 않았습니다.", "업로드하던 화면을 열어 두거나 다시 시작해 주세요."),
        "en": Text("The file has not arrived yet.", "Keep the uploading page open, or start it again."),
    },
    Cause.UPLOAD_PARTS_MISSING: {
        "ko": Text("파일의 일부만 도착했습니다.", "업로드를 이어서 계속해 주세요. 도착한 부분은 다시 보내지 않습니다."),
        "en": Text(
            "Only some parts of the file have arrived.", "Resume the upload; what has arrived is not sent again."
        ),
    },
    Cause.UPLOAD_ABANDONED: {
        "ko": Text("업로드가 끝나지 않은 채 기한이 지났습니다.", "파일을 새로 올려 주세요."),
        "en": Text("The upload was not finished in time.", "Upload the file again."),
    },
    Cause.UPLOAD_COMPLETE_NOT_CALLED: {
        "ko": Text("파일은 모두 도착했고, 곧 자동으로 확인합니다.", "하실 일은 없습니다."),
        "en": Text("The whole file has arrived and will be checked shortly.", "There is nothing to do."),
    },
    Cause.UPLOAD_EMPTY: {
        "ko": Text("도착한 파일이 비어 있습니다.", "원본 파일을 확인하고 새로 올려 주세요."),
        "en": Text("The file that arrived is empty.", "Check the original and upload it again."),
    },
    Cause.UPLOAD_SIZE_MISMATCH: {
        "ko": Text("도착한 파일의 크기가 원본과 다릅니다.", "파일을 새로 올려 주세요."),
        "en": Text("The file that arrived differs in size from the original.", "Upload the file again."),
    },
    Cause.UPLOAD_CHECKSUM_MISMATCH: {
        "ko": Text("도착한 파일의 내용이 원본과 다릅니다.", "이 업로드를 취소하고 파일을 새로 올려 주세요."),
        "en": Text("The file that arrived is not the original.", "Cancel this upload and upload the file again."),
    },
    Cause.STORAGE_UNAVAILABLE: {
        "ko": Text("저장소가 잠시 응답하지 않습니다.", "자동으로 다시 시도합니다."),
        "en": Text("Storage is not answering for the moment.", "It is tried again by itself."),
    },
    Cause.STORAGE_THROTTLED: {
        "ko": Text("저장소에 요청이 몰려 잠시 기다립니다.", "자동으로 다시 시도합니다."),
        "en": Text("Storage is busy and asks us to wait a little.", "It is tried again by itself."),
    },
    Cause.STORAGE_DENIED: {
        "ko": Text(
            "저희 쪽 설정 문제로 저장소를 읽지 못합니다.", "관리자에게 알려 주세요. 올린 파일은 그대로 있습니다."
        ),
        "en": Text("A setting of ours keeps us from reading storage.", "Tell an operator; your file is where it was."),
    },
    Cause.SOURCE_STALLED: {
        "ko": Text("저장소에서 파일을 읽는 일이 늦어지고 있습니다.", "자동으로 다시 시도합니다."),
        "en": Text("Reading the file from storage is slow.", "It is tried again by itself."),
    },
    Cause.ENQUEUE_PENDING: {
        "ko": Text("업로드가 끝났고, 인코딩 줄에 서는 중입니다.", "하실 일은 없습니다."),
        "en": Text("The upload is done and is joining the line for encoding.", "There is nothing to do."),
    },
    Cause.ENQUEUE_FAILING: {
        "ko": Text(
            "업로드는 안전합니다. 인코딩 줄에 서는 일이 늦어지고 있습니다.",
            "자동으로 계속 시도합니다. 다시 올리지 마세요.",
        ),
        "en": Text(
            "The upload is safe; joining the line for encoding is delayed.",
            "It keeps trying by itself; do not upload again.",
        ),
    },
    Cause.QUEUE_WAITING: {
        "ko": Text("인코딩 차례를 기다리고 있습니다.", "차례가 되면 자동으로 시작합니다."),
        "en": Text("It is waiting for its turn to be encoded.", "It starts by itself."),
    },
    Cause.QUEUE_TENANT_CAPPED: {
        "ko": Text(
            "학원에서 동시에 인코딩할 수 있는 수만큼 이미 진행 중입니다.", "앞의 영상이 끝나면 자동으로 시작합니다."
        ),
        "en": Text(
            "Your academy is already encoding as many videos at a time as it may.",
            "It starts when one of them is done.",
        ),
    },
    Cause.QUEUE_NO_CONSUMER: {
        "ko": Text(
            "업로드는 안전합니다. 지금은 인코딩할 장비가 없습니다.", "관리자가 확인해야 합니다. 다시 올리지 마세요."
        ),
        "en": Text(
            "The upload is safe; no encoder is running at the moment.", "An operator has to look; do not upload again."
        ),
    },
    Cause.QUEUE_MESSAGE_LOST: {
        "ko": Text("인코딩 순서표가 사라져 다시 발급합니다.", "자동으로 이어집니다."),
        "en": Text("Its place in line got lost and is being renewed.", "It goes on by itself."),
    },
    Cause.DLQ_EXHAUSTED: {
        "ko": Text(
            "인코딩 요청이 여러 번 전달되었지만 시작되지 못했습니다.",
            "자동으로 다시 요청하며, 관리자에게도 알려집니다.",
        ),
        "en": Text(
            "The request to encode was delivered many times and never started.",
            "It is being made again, and the operator is told.",
        ),
    },
    Cause.CLAIM_HELD: {
        "ko": Text("앞선 인코딩이 멈추기를 기다립니다.", "멈추는 대로 자동으로 시작합니다."),
        "en": Text("It waits for the encode before it to stop.", "It starts by itself as soon as that has stopped."),
    },
    Cause.WORKER_LOST: {
        "ko": Text("인코딩하던 장비가 멈춰 다른 장비가 이어받습니다.", "자동으로 이어집니다."),
        "en": Text("The encoder stopped; another one takes over.", "It goes on by itself."),
    },
    Cause.WORKER_SHUTDOWN: {
        "ko": Text("장비 교체로 인코딩을 다른 장비에 넘겼습니다.", "자동으로 이어집니다."),
        "en": Text("The encoder was replaced and has handed the video on.", "It goes on by itself."),
    },
    Cause.WORKER_DISK_FULL: {
        "ko": Text("인코딩 장비의 공간이 부족합니다.", "자동으로 다시 시도합니다."),
        "en": Text("The encoder ran out of space.", "It is tried again by itself."),
    },
    Cause.WORKER_OVERLOADED: {
        "ko": Text("인코딩 장비가 너무 바쁩니다.", "자동으로 다시 시도합니다."),
        "en": Text("The encoder is overloaded.", "It is tried again by itself."),
    },
    Cause.WORKER_FAULTY: {
        "ko": Text("인코딩 장비에 문제가 있습니다.", "자동으로 다시 시도합니다."),
        "en": Text("Something is wrong with the encoder.", "It is tried again by itself."),
    },
    Cause.POISON_WORKER_CRASH: {
        "ko": Text("이 파일을 처리하다가 장비가 여러 번 멈췄습니다.", "관리자가 확인해야 합니다."),
        "en": Text("Encoders have stopped several times on this file.", "An operator has to look."),
    },
    Cause.PROBE_TIMEOUT: {
        "ko": Text("파일을 확인하는 데 시간이 너무 오래 걸립니다.", "자동으로 다시 시도합니다."),
        "en": Text("Checking the file takes too long.", "It is tried again by itself."),
    },
    Cause.ENCODER_OOM: {
        "ko": Text("인코딩 중에 메모리가 부족했습니다.", "자동으로 다시 시도합니다."),
        "en": Text("Encoding ran out of memory.", "It is tried again by itself."),
    },
    Cause.ENCODER_CRASH: {
        "ko": Text("인코더가 비정상 종료했습니다.", "자동으로 다시 시도합니다."),
        "en": Text("The encoder crashed.", "It is tried again by itself."),
    },
    Cause.ENCODER_STALLED: {
        "ko": Text("인코딩이 진행되지 않아 다시 시작합니다.", "자동으로 이어집니다."),
        "en": Text("Encoding made no progress and is started again.", "It goes on by itself."),
    },
    Cause.ENCODE_DEADLINE: {
        "ko": Text("인코딩이 허용된 시간을 넘겼습니다.", "자동으로 다시 시도합니다."),
        "en": Text("Encoding took longer than it may.", "It is tried again by itself."),
    },
    Cause.ENCODER_ERROR: {
        "ko": Text("인코딩 중에 오류가 났습니다.", "자동으로 다시 시도합니다."),
        "en": Text("Encoding failed with an error.", "It is tried again by itself."),
    },
    Cause.OUTPUT_VERIFY_FAILED: {
        "ko": Text("인코딩 결과가 올바르지 않아 다시 만듭니다.", "자동으로 이어집니다."),
        "en": Text("The result was not right and is made again.", "It goes on by itself."),
    },
    Cause.OUTPUT_UPLOAD_FAILED: {
        "ko": Text("인코딩 결과를 저장하지 못했습니다.", "자동으로 다시 시도합니다."),
        "en": Text("The result could not be stored.", "It is tried again by itself."),
    },
    Cause.PLAYBACK_OBJECT_MISSING: {
        "ko": Text(
            "영상 파일의 일부가 저장소에서 사라졌습니다.",
            "원본이 있으면 자동으로 다시 인코딩합니다. 없으면 다시 올려 주세요.",
        ),
        "en": Text(
            "Some of the video's files are gone from storage.",
            "It is encoded again if its source is still there; if not, upload it again.",
        ),
    },
    Cause.STATE_DRIFT: {
        "ko": Text("영상의 기록이 서로 맞지 않습니다.", "자동 점검이 고치며, 남으면 관리자가 확인합니다."),
        "en": Text(
            "The video's records contradict each other.",
            "The reconciler repairs that; what stays, an operator looks at.",
        ),
    },
    Cause.INPUT_NOT_VIDEO: {
        "ko": Text("영상 파일이 아닙니다.", "재생되는 파일인지 확인하고 다시 올려 주세요."),
        "en": Text("This is not a video file.", "Check that the file plays on your device and upload it again."),
    },
    Cause.INPUT_UNSUPPORTED_CONTAINER: {
        "ko": Text("지원하지 않는 파일 형식입니다.", "MP4로 변환해서 다시 올려 주세요."),
        "en": Text("The file's container format is not supported.", "Convert it to MP4 and upload it again."),
    },
    Cause.INPUT_UNSUPPORTED_CODEC: {
        "ko": Text("지원하지 않는 영상 코덱입니다.", "H.264 MP4로 변환해서 다시 올려 주세요."),
        "en": Text("The video codec is not supported.", "Convert it to H.264 in MP4 and upload it again."),
    },
    Cause.INPUT_NO_VIDEO_STREAM: {
        "ko": Text("파일에 영상도 소리도 들어 있지 않습니다.", "화면이나 소리가 있는 파일을 올려 주세요."),
        "en": Text("The file has neither picture nor sound.", "Upload a file that has a picture or sound."),
    },
    Cause.INPUT_ENCRYPTED: {
        "ko": Text("암호화(DRM)된 파일입니다.", "암호화되지 않은 원본을 올려 주세요."),
        "en": Text("The file is encrypted (DRM).", "Upload the original without encryption."),
    },
    Cause.INPUT_MALFORMED: {
        "ko": Text("파일이 손상되어 읽을 수 없습니다.", "재생되는 파일인지 확인하고 다시 올려 주세요."),
        "en": Text(
            "The file is damaged and cannot be read.",
            "Check that it plays on your device and upload it again.",
        ),
    },
    Cause.INPUT_TRUNCATED: {
        "ko": Text("파일이 중간에 잘렸습니다.", "녹화나 복사가 끝까지 되었는지 확인하고 다시 올려 주세요."),
        "en": Text("The file is cut off.", "Check that recording or copying had finished and upload it again."),
    },
    Cause.INPUT_TOO_SHORT: {
        "ko": Text("영상이 너무 짧습니다.", "더 긴 영상을 올려 주세요."),
        "en": Text("The video is too short.", "Upload a longer video."),
    },
    Cause.INPUT_TOO_LONG: {
        "ko": Text("영상이 허용된 길이보다 깁니다.", "나누어서 올려 주세요."),
        "en": Text("The video is longer than allowed.", "Split it and upload the parts."),
    },
    Cause.INPUT_TOO_MANY_PIXELS: {
        "ko": Text("화면 크기가 너무 큽니다.", "4K 이하로 변환해서 다시 올려 주세요."),
        "en": Text("The picture is too large.", "Convert it to 4K or smaller and upload it again."),
    },
    Cause.INPUT_TOO_MANY_STREAMS: {
        "ko": Text("파일에 트랙이 너무 많습니다.", "영상과 소리 트랙만 남겨 다시 올려 주세요."),
        "en": Text("The file has too many tracks.", "Keep one picture and one sound track and upload it again."),
    },
    Cause.INPUT_TOO_MANY_FRAMES: {
        "ko": Text("초당 화면 수가 너무 많습니다.", "초당 60장 이하로 변환해서 다시 올려 주세요."),
        "en": Text("The video has too many frames a second.", "Convert it to 60 or fewer and upload it again."),
    },
    Cause.INPUT_SUSPICIOUS: {
        "ko": Text("영상이 아니라 다른 주소를 가리키는 목록 파일입니다.", "실제 영상 파일을 올려 주세요."),
        "en": Text("This is a playlist that points elsewhere, not a video.", "Upload the video file itself."),
    },
    Cause.UPLOAD_OVERWRITTEN: {
        "ko": Text("확인한 뒤에 저장된 파일이 바뀌었습니다.", "안전을 위해 멈췄습니다. 파일을 새로 올려 주세요."),
        "en": Text("The stored file changed after it was checked.", "Stopped for safety; upload the file again."),
    },
    Cause.SOURCE_GONE: {
        "ko": Text("저장된 원본이 사라졌습니다.", "파일을 새로 올려 주세요."),
        "en": Text("The stored source has disappeared.", "Upload the file again."),
    },
    Cause.CANCELLED: {
        "ko": Text("인코딩이 취소되었습니다.", "다시 시도를 누르면 새로 시작합니다."),
        "en": Text("Encoding was cancelled.", "Press retry to start again."),
    },
    Cause.INTERNAL_BUG: {
        "ko": Text("저희 쪽 문제로 처리하지 못했습니다.", "다시 시도를 눌러 주세요. 계속되면 관리자에게 알려 주세요."),
        "en": Text("We could not process it, and the fault is ours.", "Press retry; if it stays, tell an operator."),
    },
}

_THE_FILE = {
    "ko": "원본이 검증이나 디코딩에서 거부되었습니다. failure_detail과 media_facts를 보세요.",
    "en": "The source was refused by verification or decoding; see failure_detail and media_facts.",
}

OPERATOR_TEXTS: Mapping[Cause, Mapping[str, str]] = {
    Cause.READY: {
        "ko": "게시된 접두사가 있고 상태가 READY입니다.",
        "en": "A prefix is published and the status is READY.",
    },
    Cause.ENCODING: {
        "ko": "작업자의 임대가 유효하고 진행이 움직이고 있습니다.",
        "en": "A worker holds a live lease and progress moves.",
    },
    Cause.DELETED: {
        "ko": "삭제 표시가 있으며 저장소 정리를 기다리거나 마쳤습니다.",
        "en": "There is a tombstone; its purge is scheduled or done.",
    },
    Cause.UPLOAD_WAITING: {
        "ko": "서명 URL이 유효하고 객체가 없습니다.",
        "en": "The signed URL is live and there is no object.",
    },
    Cause.UPLOAD_PARTS_MISSING: {
        "ko": "멀티파트가 열려 있고 일부 파트만 있습니다.",
        "en": "The multipart upload is open and some parts are missing.",
    },
    Cause.UPLOAD_ABANDONED: {
        "ko": "URL이나 기한이 지났고 객체가 없습니다. 늦게 도착하면 V06이 완료합니다.",
        "en": "URL or deadline have passed without an object; V06 completes a late one.",
    },
    Cause.UPLOAD_COMPLETE_NOT_CALLED: {
        "ko": "객체가 완전하지만 upload/complete가 호출되지 않았습니다. V06이 완료합니다.",
        "en": "The object is whole but upload/complete was not called; V06 completes it.",
    },
    Cause.UPLOAD_EMPTY: {
        "ko": "객체가 0바이트입니다. 업로더의 장치를 확인하세요.",
        "en": "The object has 0 bytes; look at the uploader's device.",
    },
    Cause.UPLOAD_SIZE_MISMATCH: {
        "ko": "객체 크기가 선언과 다릅니다. 프록시나 다른 클라이언트를 의심하세요.",
        "en": "The object's size differs from the announced one; suspect a proxy or another client.",
    },
    Cause.UPLOAD_CHECKSUM_MISMATCH: {
        "ko": "객체의 CRC64NVME가 선언과 다릅니다. 전송 중에 파일이 바뀌었는지 확인하세요.",
        "en": "The object's CRC64NVME differs from the announced one; the file may have changed while it was sent.",
    },
    Cause.UPLOAD_OVERWRITTEN: {
        "ko": "고정한 ETag와 다릅니다(412). 누가 썼는지 저장소 감사 로그를 확인하세요.",
        "en": "The ETag is not the pinned one (412); find the writer in the storage audit log.",
    },
    Cause.STORAGE_UNAVAILABLE: {
        "ko": "저장소가 시간 안에 응답하지 않았습니다. 엔드포인트와 사업자 상태를 확인하세요.",
        "en": "Storage did not answer in time; check the endpoint and the vendor's status.",
    },
    Cause.STORAGE_THROTTLED: {
        "ko": "저장소가 요청을 줄이라고 합니다(429, 503 SlowDown). 오래가면 동시 작업 수나 사업자 한도를 조정하세요.",
        "en": "Storage wants fewer requests (429, 503 SlowDown); if it stays, run less at a time or raise the limit.",
    },
    Cause.STORAGE_DENIED: {
        "ko": "저장소가 자격 증명을 거부했습니다(403). S3_ACCESS_KEY_ID와 버킷 정책을 확인하세요.",
        "en": "Storage refused our credentials (403); check S3_ACCESS_KEY_ID and the bucket policy.",
    },
    Cause.SOURCE_GONE: {
        "ko": "고정한 원본이 404입니다. 수명 주기 규칙을 확인하세요.",
        "en": "The pinned source answers 404; check the lifecycle rules.",
    },
    Cause.SOURCE_STALLED: {
        "ko": "원본 읽기가 멈췄습니다. 작업자와 저장소 사이의 네트워크를 확인하세요.",
        "en": "Reading the source stalled; check the network between worker and storage.",
    },
    Cause.ENQUEUE_PENDING: {
        "ko": "outbox 행이 아직 보내지지 않았습니다(60초 미만).",
        "en": "The outbox row is unsent for less than 60 s.",
    },
    Cause.ENQUEUE_FAILING: {
        "ko": "outbox 행이 60초 넘게 보내지지 않았습니다. relay와 SQS를 확인하세요.",
        "en": "The outbox row is unsent for over 60 s; check the relay and SQS.",
    },
    Cause.QUEUE_WAITING: {
        "ko": "메시지를 보냈고 수신을 기다립니다. 줄이 길면 작업자를 늘리세요.",
        "en": "The message is sent and waits to be received; add workers if the line is long.",
    },
    Cause.QUEUE_TENANT_CAPPED: {
        "ko": "테넌트가 동시 실행 한도에 걸려 있습니다. 자리가 나면 다음 작업을 깨우며, 메시지는 없어도 됩니다.",
        "en": "The tenant's running limit is reached; a freed slot wakes the next job up, no message is needed.",
    },
    Cause.QUEUE_NO_CONSUMER: {
        "ko": "2분 동안 작업자 신호가 없습니다. run_video_worker를 시작하거나 worker_rests를 남긴 호스트를 고치세요.",
        "en": "No worker for 2 minutes; start run_video_worker, or mend the host of one that logged worker_rests.",
    },
    Cause.QUEUE_MESSAGE_LOST: {
        "ko": "메시지를 보냈지만 큐가 비어 있습니다. V02가 다시 보냅니다.",
        "en": "The message was sent but the queue is empty; V02 sends it again.",
    },
    Cause.DLQ_EXHAUSTED: {
        "ko": "메시지가 DLQ로 갔고 V08이 다시 깨웠습니다. inner_cause_code와 작업자 로그를 확인하세요.",
        "en": "The message went to the DLQ; V08 woke the job up again. See inner_cause_code and the workers' logs.",
    },
    Cause.CLAIM_HELD: {
        "ko": "취소된 작업의 작업자가 아직 멈췄다고 알리지 않았습니다. 늦어도 그 임대가 끝나면 시작합니다.",
        "en": "The cancelled job's worker has not said that it has stopped; at the end of its lease this one starts.",
    },
    Cause.WORKER_LOST: {
        "ko": "작업자의 임대가 끝났습니다. V03이 작업을 회수합니다.",
        "en": "The worker's lease has run out; V03 takes the job back.",
    },
    Cause.WORKER_SHUTDOWN: {
        "ko": "작업자가 작업을 돌려주었습니다. SIGTERM을 받았거나, cause_detail에 이유가 있습니다.",
        "en": "The worker handed the job back: it got SIGTERM, or cause_detail says why.",
    },
    Cause.WORKER_DISK_FULL: {
        "ko": "작업자의 디스크가 가득 찼습니다. 작업 폴더를 비우거나 키우세요.",
        "en": "The worker's disk is full; clear or enlarge its work folder.",
    },
    Cause.WORKER_OVERLOADED: {
        "ko": "작업자 호스트에 프로세스, 메모리, 열린 파일의 여유가 없습니다. 동시 작업 수를 줄이세요.",
        "en": "The worker's host has no process, memory or open file to spare; lower what runs beside it.",
    },
    Cause.WORKER_FAULTY: {
        "ko": "작업자 호스트의 오류입니다(프로그램 없음, 읽기 전용이나 고장 난 디스크). cause_detail을 보세요.",
        "en": "The worker's host failed it: a program is missing, a disk is read-only or broken; see cause_detail.",
    },
    Cause.POISON_WORKER_CRASH: {
        "ko": "이 원본에서 작업자가 세 번 이상 죽었습니다. 원본을 격리해 살펴보세요.",
        "en": "Workers died three times on this source; look at it in isolation.",
    },
    Cause.CANCELLED: {
        "ko": "사람이 작업을 취소했습니다. 타임라인에 누구인지 있습니다.",
        "en": "A person cancelled the job; the timeline says who.",
    },
    Cause.PROBE_TIMEOUT: {
        "ko": "ffprobe가 시간 안에 끝나지 않았습니다.",
        "en": "ffprobe did not finish in time.",
    },
    Cause.ENCODER_OOM: {
        "ko": "ffmpeg가 SIGKILL로 죽었습니다. 메모리 한도를 확인하세요.",
        "en": "ffmpeg died of SIGKILL; check the memory limit.",
    },
    Cause.ENCODER_CRASH: {
        "ko": "ffmpeg나 ffprobe가 시그널로 죽었습니다.",
        "en": "ffmpeg or ffprobe died of a signal.",
    },
    Cause.ENCODER_STALLED: {
        "ko": "VIDEO_STALL_SECONDS 동안 진행이 없어 종료했습니다.",
        "en": "No progress for VIDEO_STALL_SECONDS; it was ended.",
    },
    Cause.ENCODE_DEADLINE: {
        "ko": "VIDEO_STAGE_DEADLINE_SECONDS를 넘겼습니다.",
        "en": "It passed VIDEO_STAGE_DEADLINE_SECONDS.",
    },
    Cause.ENCODER_ERROR: {
        "ko": "ffmpeg가 설명되지 않는 오류로 끝났습니다. cause_detail을 보세요.",
        "en": "ffmpeg ended with an error that does not blame the file; see cause_detail.",
    },
    Cause.OUTPUT_VERIFY_FAILED: {
        "ko": "패키지가 검증을 통과하지 못했습니다. cause_detail을 보세요.",
        "en": "The package did not pass validation; see cause_detail.",
    },
    Cause.OUTPUT_UPLOAD_FAILED: {
        "ko": "결과를 저장소에 올리지 못했습니다.",
        "en": "The package could not be written to storage.",
    },
    Cause.PLAYBACK_OBJECT_MISSING: {
        "ko": "V07이 공개된 출력에서 빠진 객체를 찾았습니다. 타임라인의 output_missing을 확인하세요.",
        "en": "V07 found objects of the published output missing; see output_missing in the timeline.",
    },
    Cause.STATE_DRIFT: {
        "ko": "표의 행들이 서로 모순됩니다. V01과 V05를 확인하세요.",
        "en": "Rows of the tables contradict each other; see V01 and V05.",
    },
    Cause.INTERNAL_BUG: {
        "ko": "예상하지 못한 오류이거나 목록에 없는 원인입니다. cause_detail과 타임라인으로 신고하세요.",
        "en": "An error that nobody foresaw, or a cause that is not listed; report cause_detail and the timeline.",
    },
    Cause.INPUT_NOT_VIDEO: _THE_FILE,
    Cause.INPUT_UNSUPPORTED_CONTAINER: _THE_FILE,
    Cause.INPUT_UNSUPPORTED_CODEC: _THE_FILE,
    Cause.INPUT_NO_VIDEO_STREAM: _THE_FILE,
    Cause.INPUT_ENCRYPTED: _THE_FILE,
    Cause.INPUT_MALFORMED: _THE_FILE,
    Cause.INPUT_TRUNCATED: _THE_FILE,
    Cause.INPUT_TOO_SHORT: _THE_FILE,
    Cause.INPUT_TOO_LONG: _THE_FILE,
    Cause.INPUT_TOO_MANY_PIXELS: _THE_FILE,
    Cause.INPUT_TOO_MANY_STREAMS: _THE_FILE,
    Cause.INPUT_TOO_MANY_FRAMES: _THE_FILE,
    Cause.INPUT_SUSPICIOUS: _THE_FILE,
}

NEXT_STEP_TEXTS: Mapping[NextStep, Mapping[str, str]] = {
    NextStep.NOTHING: {
        "ko": "더 일어날 일이 없습니다.",
        "en": "Nothing more happens.",
    },
    NextStep.UPLOAD_THE_FILE: {
        "ko": "업로더가 기한까지 파일을 보냅니다.",
        "en": "The uploader sends the file before the deadline.",
    },
    NextStep.RECONCILER_COMPLETES: {
        "ko": "자동 점검이 업로드를 대신 완료합니다.",
        "en": "The reconciler completes the upload.",
    },
    NextStep.RELAY_SENDS: {
        "ko": "relay가 메시지를 보냅니다.",
        "en": "The relay sends the message.",
    },
    NextStep.WORKER_CLAIMS: {
        "ko": "비는 작업자가 작업을 맡습니다.",
        "en": "The next free worker claims the job.",
    },
    NextStep.WORKER_FINISHES: {
        "ko": "작업자가 인코딩을 마칩니다.",
        "en": "The worker finishes the encode.",
    },
    NextStep.RECONCILER_RESENDS: {
        "ko": "자동 점검이 메시지를 다시 보냅니다.",
        "en": "The reconciler sends the message again.",
    },
    NextStep.RECONCILER_TAKES_BACK: {
        "ko": "자동 점검이 작업을 회수해 다시 시작합니다.",
        "en": "The reconciler takes the job back and starts it again.",
    },
    NextStep.RETRY_STARTS: {
        "ko": "다음 시도가 시작됩니다.",
        "en": "The next attempt starts.",
    },
    NextStep.NEW_UPLOAD: {
        "ko": "파일을 새로 올려야 합니다.",
        "en": "The file has to be uploaded again.",
    },
    NextStep.PRESS_RETRY: {
        "ko": "다시 시도를 누르면 새 작업을 시작합니다.",
        "en": "Retry starts a new job.",
    },
    NextStep.OPERATOR_LOOKS: {
        "ko": "관리자가 확인해야 합니다.",
        "en": "An operator has to look.",
    },
}
