# Every curl command of the guides "Stream outputs" and "How to stream messages", one function for each example.
#
# The commands are those of the guides. $DEPLOYMENT_URL and $THREAD_ID stand where they leave a gap, the graph has the
# name under which the server has it, and a backslash and a comma are where the guides forgot them.

create_thread() {
  curl --request POST \
  --url $DEPLOYMENT_URL/threads \
  --header 'Content-Type: application/json' \
  --data '{}'
}

basic_usage() {
  curl --request POST \
  --url $DEPLOYMENT_URL/threads/$THREAD_ID/runs/stream \
  --header 'Content-Type: application/json' \
  --header 'x-api-key: <API_KEY>' \
  --data "{
    \"assistant_id\": \"agent\",
    \"input\": {\"topic\": \"ice cream\"},
    \"stream_mode\": \"updates\"
  }"
}

updates() {
  curl --request POST \
  --url $DEPLOYMENT_URL/threads/$THREAD_ID/runs/stream \
  --header 'Content-Type: application/json' \
  --data "{
    \"assistant_id\": \"agent\",
    \"input\": {\"topic\": \"ice cream\"},
    \"stream_mode\": \"updates\"
  }"
}

several_modes() {
  curl --request POST \
   --url $DEPLOYMENT_URL/threads/$THREAD_ID/runs/stream \
   --header 'Content-Type: application/json' \
   --data "{
     \"assistant_id\": \"custom\",
     \"input\": {\"topic\": \"example\"},
     \"stream_mode\": [
       \"updates\",
       \"custom\"
     ]
   }"
}

values() {
  curl --request POST \
  --url $DEPLOYMENT_URL/threads/$THREAD_ID/runs/stream \
  --header 'Content-Type: application/json' \
  --data "{
    \"assistant_id\": \"agent\",
    \"input\": {\"topic\": \"ice cream\"},
    \"stream_mode\": \"values\"
  }"
}

subgraphs() {
  curl --request POST \
  --url $DEPLOYMENT_URL/threads/$THREAD_ID/runs/stream \
  --header 'Content-Type: application/json' \
  --data "{
    \"assistant_id\": \"nested\",
    \"input\": {\"foo\": \"foo\"},
    \"stream_subgraphs\": true,
    \"stream_mode\": [
      \"updates\"
    ]
  }"
}

debug() {
  curl --request POST \
  --url $DEPLOYMENT_URL/threads/$THREAD_ID/runs/stream \
  --header 'Content-Type: application/json' \
  --data "{
    \"assistant_id\": \"agent\",
    \"input\": {\"topic\": \"ice cream\"},
    \"stream_mode\": \"debug\"
  }"
}

tokens() {
  curl --request POST \
  --url $DEPLOYMENT_URL/threads/$THREAD_ID/runs/stream \
  --header 'Content-Type: application/json' \
  --data "{
    \"assistant_id\": \"tagged\",
    \"input\": {\"topic\": \"ice cream\"},
    \"stream_mode\": \"messages-tuple\"
  }"
}

custom() {
  curl --request POST \
  --url $DEPLOYMENT_URL/threads/$THREAD_ID/runs/stream \
  --header 'Content-Type: application/json' \
  --data "{
    \"assistant_id\": \"custom\",
    \"input\": {\"topic\": \"example\"},
    \"stream_mode\": \"custom\"
  }"
}

events() {
  curl --request POST \
  --url $DEPLOYMENT_URL/threads/$THREAD_ID/runs/stream \
  --header 'Content-Type: application/json' \
  --data "{
    \"assistant_id\": \"agent\",
    \"input\": {\"topic\": \"ice cream\"},
    \"stream_mode\": \"events\"
  }"
}

messages() {
  curl --request POST \
   --url $DEPLOYMENT_URL/threads/$THREAD_ID/runs/stream \
   --header 'Content-Type: application/json' \
   --data "{
     \"assistant_id\": \"tools\",
     \"input\": {\"messages\": [{\"role\": \"human\", \"content\": \"what's the weather in la\"}]},
     \"stream_mode\": [\
       \"messages-tuple\"\
     ]
   }" | \
   sed 's/\r$//' | \
   awk '
   /^event:/ {
       if (data_content != "") {
           print data_content "\n"
       }
       sub(/^event: /, "Receiving event of type: ", $0)
       printf "%s...\n", $0
       data_content = ""
   }
   /^data:/ {
       sub(/^data: /, "", $0)
       data_content = $0
   }
   END {
       if (data_content != "") {
           print data_content "\n"
       }
   }
   '
}
